"""Reconcilers that end with the test, and everything that they started."""

import signal
import tempfile
from pathlib import Path

import pytest

from deployments.serving.processes import is_alive, start_time
from deployments.targets import configured
from tests.datasets.conftest import add_version, data_dir, make_dataset
from tests.deployments.stack import RUN, running, started
from tests.deployments.targets.waiting import until

__all__ = ["add_version", "data_dir", "make_dataset"]
"""Deployments stand on data: its fixtures count here too."""


@pytest.fixture
def short_dir():
    """Return a folder with a short name: sockets have to fit into it."""
    with tempfile.TemporaryDirectory(prefix="w-") as folder:
        yield Path(folder)


@pytest.fixture
def workers():
    """Start reconcilers; whatever is left of them and theirs ends with the test."""
    made = []

    def start(*point):
        made.append(started(*point))
        return made[-1]

    yield start
    zygotes = [child for worker in made for child in children_of(worker.pid)]
    for worker in made:
        worker.send_signal(signal.SIGCONT)
        worker.kill()
        worker.wait()
    # They may still fork what was asked for, and end then.
    until(lambda: not any(is_alive(*zygote) for zygote in zygotes))
    configured()[0].close(stop_all=True)
    for path in (RUN / "routes").glob("*.json"):
        path.unlink()  # its slot is flushed with the test's database
    assert running() == []


def children_of(pid):
    """Return the processes that a process has begun, with when each of them was."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in path.read_text().split()]
    return [(child, start_time(child)) for child in found]
