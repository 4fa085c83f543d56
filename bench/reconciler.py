"""The reconciler and the list with ten thousand deployments, on a new database.

python -m bench.reconciler
"""

import resource
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.printing import say
from bench.store import empty_store

MANY, DONE, SERVED = 10_000, 1_500, 50


def main() -> None:
    """Print a Markdown table."""
    with empty_store():
        _measure()


def _measure() -> None:
    from deployments.models import Deployment  # noqa: PLC0415

    reconciler = _reconciler()
    _fill(MANY)
    before = _memory_mb()
    began = time.perf_counter()
    while Deployment.objects.serving().count() < DONE:
        reconciler.once()
    took = time.perf_counter() - began
    rows = [
        (f"steps per second, {MANY:,} pending", f"{DONE * 3 / took:.0f}"),
        ("memory grown meanwhile", f"{_memory_mb() - before:.0f} MB"),
        (f"a pass with {DONE:,} active", _p50(reconciler.once, 10)),
        (f"first page (50) of {MANY:,}", _p50(_list(), 20)),
    ]
    Deployment.objects.in_progress().update(status="failed")
    keep = list(Deployment.objects.serving().values_list("pk", flat=True)[:SERVED])
    Deployment.objects.serving().exclude(pk__in=keep).update(status="terminated")
    reconciler.once()
    rows.append((f"an idle pass with {SERVED} active", _p50(reconciler.once, 20)))
    rows += _beside_all_active(reconciler)
    say("| what | figure |")
    say("|---|---|")
    for name, figure in rows:
        say(f"| {name} | {figure} |")


def _beside_all_active(reconciler: Any) -> list[tuple[str, str]]:
    """Let all serve; measure passes, and a fresh deployment from wish to active."""
    from django.utils import timezone  # noqa: PLC0415

    from deployments.models import Deployment  # noqa: PLC0415

    now = timezone.now()
    Deployment.objects.update(
        status="active",
        traffic_percent=100,
        deployed_at=now,
        health="healthy",
        ready_instances=1,
    )
    target = reconciler.targets["development"]
    began = time.perf_counter()
    while len(target.list()) < MANY:
        reconciler.once()
    took = time.perf_counter() - began
    passes = _p50(reconciler.once, 30)
    return [
        (
            f"a reconciler's first passes, until it has taken up {MANY:,}",
            f"{took:.0f} s",
        ),
        (f"a pass with {MANY:,} active", passes),
        (f"a fresh one beside {MANY:,} active", _p50(_fresh(reconciler), 10)),
    ]


def _fresh(reconciler: Any) -> Callable[[], object]:
    """Return what deploys a new model's version and passes until it is active."""
    from deployments.models import Deployment  # noqa: PLC0415
    from lifecycle import artifacts  # noqa: PLC0415
    from lifecycle.models import Experiment, ModelVersion, Run  # noqa: PLC0415

    experiment = Experiment.create("fresh", by=None)
    names = (f"fresh-{number}" for number in range(MANY))

    def deploy() -> None:
        run = Run.start(experiment, by=None)
        artifacts.save(run, "model.onnx", [b"not looked into"], by=None)
        version = ModelVersion.register(next(names), by=None, run=run)
        deployment = Deployment.request(version, "development", by=None)
        while not deployment.is_current:
            reconciler.once()
            deployment.refresh_from_db()

    return deploy


def _reconciler() -> Any:
    from deployments.reconciler import Reconciler  # noqa: PLC0415
    from deployments.states import Environment  # noqa: PLC0415
    from deployments.targets.scripted import ScriptedTarget  # noqa: PLC0415

    return Reconciler(dict.fromkeys(Environment.values, ScriptedTarget()))


def _fill(count: int) -> None:
    """Make pending deployments of one version, each in a slot of its own."""
    from django.utils import timezone  # noqa: PLC0415

    from deployments.models import Deployment, Slot  # noqa: PLC0415
    from lifecycle import artifacts  # noqa: PLC0415
    from lifecycle.models import (  # noqa: PLC0415
        Experiment,
        ModelVersion,
        RegisteredModel,
        Run,
    )

    run = Run.start(Experiment.create("bench", by=None), by=None)
    artifacts.save(run, "model.onnx", [b"not looked into"], by=None)
    version = ModelVersion.register("bench", by=None, run=run)
    artifact = version.servable_artifact()
    names = [RegisteredModel(name=f"bench-{number}") for number in range(count)]
    models = RegisteredModel.objects.bulk_create(names, batch_size=500)
    slots = Slot.objects.bulk_create(
        [Slot(model=model, environment="development") for model in models],
        batch_size=500,
    )
    rows = [
        Deployment(
            slot=slot,
            revision=1,
            model_version=version,
            artifact=artifact,
            artifact_sha256=artifact.sha256,
        )
        for slot in slots
    ]
    Deployment.objects.bulk_create(rows, batch_size=500)
    start = timezone.now() - timedelta(seconds=count)
    for number, row in enumerate(rows):
        row.created_at = start + timedelta(seconds=number)
    Deployment.objects.bulk_update(rows, ["created_at"], batch_size=500)


def _list() -> Callable[[], object]:
    from rest_framework.test import APIClient  # noqa: PLC0415

    from mlops.core.models import User  # noqa: PLC0415

    client = APIClient(headers={"Host": "localhost"})
    client.force_authenticate(User.objects.create_superuser("bench"))
    return lambda: client.get("/api/v1/ml/lifecycle/deployments?limit=50")


def _p50(work: Callable[[], object], times: int) -> str:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return f"p50 {statistics.median(taken):.0f} ms, max {max(taken):.0f} ms"


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
