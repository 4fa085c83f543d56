"""A release's store under today's code: unpacked, migrated, started, asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops.demo.api import request
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
def standing(packed: Path, kind: str, folder: Path, server: str) -> Iterator[LiveStack]:
    """Start today's code on a packed store, in a folder that is not there yet.

    `server` is the PostgreSQL to make a database on; SQLite needs none.
    """
    if kind == "sqlite":
        with _started(packed, kind, folder, "") as stack:
            yield stack
    else:
        with (
            packing.own_database(server) as url,
            _started(packed, kind, folder, url) as stack,
        ):
            yield stack


def answers(asking: Asking, questions: list[Question]) -> list[dict[str, Any]]:
    """Ask once everything that was active answers; return what was kept of it all."""
    _until_all_serve(asking.stack, asking.tokens["admin"])
    return [ask(asking, one) for one in questions]


@contextmanager
def _started(packed: Path, kind: str, folder: Path, url: str) -> Iterator[LiveStack]:
    packing.unpack(kind, packed, folder, url)
    stack = LiveStack(folder, "--no-demo", database_url=url)
    stack.manage("migrate", "--verbosity", "0")
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
