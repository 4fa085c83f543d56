"""A release's store under today's code: unpacked, migrated, started, asked."""

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops.demo.api import request
from mlops.shared_settings import BASE_DIR
from tests.demo.live import LiveStack
from tests.deployments.targets.waiting import until
from tests.releases import packing
from tests.releases.asking import Asking, ask
from tests.releases.questions import Question

RELEASES = Path(__file__).parent
MANIFEST = "manifest.json"


def folders() -> list[Path]:
    """Return the folders of the releases that have a store, the oldest first."""
    found = [path.parent for path in RELEASES.glob(f"*/{MANIFEST}")]
    return sorted(found, key=lambda path: [int(n) for n in path.name.split(".")])


def manifest_of(release: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((release / MANIFEST).read_text())
    return found


@contextmanager
def standing(
    packed: Path, kind: str, folder: Path, server: str, code: Path = BASE_DIR
) -> Iterator[LiveStack]:
    """Migrate a packed store by today's code and start it, in a folder to be made.

    `server` is the PostgreSQL to make a database on; SQLite needs none. `code` is the
    checkout that starts then, when it is not today's.
    """
    if kind == "sqlite":
        with _started(packed, kind, folder, "", code) as stack:
            yield stack
    else:
        with (
            packing.own_database(server) as url,
            _started(packed, kind, folder, url, code) as stack,
        ):
            yield stack


def code_of(release: Path, folder: Path) -> Path | None:
    """Check a release's code out into a folder; None where its commit is not."""
    page = (BASE_DIR / "docs" / "releases.md").read_text()
    line = rf"^\| {release.name} \| \S+ \| (\w{{40}}) \|"
    (commit,) = re.findall(line, page, re.MULTILINE)
    archive = ["git", "archive", "--format=tar", f"--output={folder}.tar", commit]
    if subprocess.run(archive, cwd=BASE_DIR, check=False).returncode:
        return None
    with tarfile.open(f"{folder}.tar") as files:
        files.extractall(folder, filter="data")
    return folder


def answers(asking: Asking, questions: list[Question]) -> list[dict[str, Any]]:
    """Ask once everything that was active answers; return what was kept of it all."""
    _until_all_serve(asking.stack, asking.tokens["admin"])
    return [ask(asking, one) for one in questions]


@contextmanager
def _started(
    packed: Path, kind: str, folder: Path, url: str, code: Path
) -> Iterator[LiveStack]:
    packing.unpack(kind, packed, folder, url)
    stack = LiveStack(folder, "--no-demo", database_url=url)
    stack.manage("migrate", "--verbosity", "0")
    stack.code = code
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def _until_all_serve(stack: LiveStack, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}

    def serving() -> bool:
        active = f"{stack.url}/api/v1/ml/lifecycle/deployments?status=active"
        _, body = request("GET", active, headers=headers)
        found = json.loads(body)
        return bool(found) and all(
            one["ready_instances"] >= 1
            and one["health_status"] == "healthy"
            and request("GET", f"{one['endpoint']}/v2/health/ready", headers=headers)[0]
            == 200
            for one in found
        )

    until(serving, 180)
