"""What is mutated, which tests ought to notice, and how much of it has to be."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

BASE = Path(__file__).resolve().parents[2]
FLOOR = 0.9


@dataclass(frozen=True, slots=True)
class Area:
    """Files and the tests for them; `sample` is how many mutants are tried, 0 all.

    `follows` is a function ("module:name") that a process calls once the mutant is in
    it: what makes rows of a table in the code.
    """

    name: str
    files: Sequence[str]
    tests: Sequence[str]
    sample: int = 0
    without: Sequence[str] = ()
    follows: str = ""
    base: Path = BASE

    def paths(self) -> list[Path]:
        found = {path for pattern in self.files for path in self.base.glob(pattern)}
        return sorted(
            path
            for path in found
            if path.stat().st_size
            and not any(
                fnmatch(str(path.relative_to(self.base)), one) for one in self.without
            )
        )

    def follow(self, blocker: Any) -> None:
        if self.follows:
            module, _, name = self.follows.partition(":")
            with blocker.unblock() if blocker else contextlib.nullcontext():
                getattr(import_module(module), name)()


def give_roles() -> None:
    """Write the roles of the code to the database, as the first `migrate` does."""
    apps = import_module("django.apps").apps
    roles = import_module("mlops.core.roles")
    roles.Group.objects.all().delete()
    for config in apps.get_app_configs():
        roles.apply(config, "default")


AREAS = (
    Area(
        "states",
        ("deployments/states.py", "lifecycle/states.py", "datasets/states.py"),
        (
            "tests/deployments/test_states.py",
            "tests/lifecycle/test_states.py",
            "tests/datasets/test_states.py",
            "tests/lifecycle/test_versions.py",
            "tests/lifecycle/test_runs.py",
            "tests/lifecycle/test_logged_model_moves.py",
            "tests/datasets/test_feature_verbs.py",
            "tests/datasets/test_version_moves.py",
        ),
    ),
    Area(
        "permissions",
        ("mlops/core/permissions.py", "mlops/core/roles.py"),
        ("tests/core/test_roles.py", "tests/core/test_permissions.py"),
        follows="tests.mutation.areas:give_roles",
    ),
    Area(
        "reconciler",
        ("deployments/reconciler/*.py",),
        (
            "tests/deployments/reconciler",
            "tests/deployments/test_judge.py",
            "tests/deployments/test_key_days.py",
            "tests/deployments/test_loop.py",
            "tests/deployments/test_machine.py",
            "tests/deployments/test_samples.py",
            "tests/deployments/test_sampling.py",
            "tests/deployments/test_stale_files.py",
            "tests/deployments/test_traffic.py",
            "tests/deployments/test_watch.py",
        ),
    ),
    Area(
        "store",
        ("lifecycle/store/*.py",),
        ("tests/lifecycle",),
    ),
    Area(
        "analytics",
        ("datasets/analytics/**/*.py",),
        ("tests/datasets/analytics",),
        sample=300,
        without=(
            "datasets/analytics/console/bootstrap.py",
            "datasets/analytics/console/child.py",
            "datasets/analytics/console/run.py",
            "datasets/analytics/ingest/child.py",
        ),
    ),
)
