"""Reconcilers that end with the test, and everything that they started."""

import signal

import pytest

from deployments.targets import configured
from tests.datasets.conftest import add_version, data_dir, make_dataset
from tests.deployments.stack import RUN, running, started

__all__ = ["add_version", "data_dir", "make_dataset"]
"""Deployments stand on data: its fixtures count here too."""


@pytest.fixture
def workers():
    """Start reconcilers; whatever is left of them and theirs ends with the test."""
    made = []

    def start(*point):
        made.append(started(*point))
        return made[-1]

    yield start
    for worker in made:
        worker.send_signal(signal.SIGCONT)
        worker.kill()
        worker.wait()
    configured()[0].close(stop_all=True)
    for path in (RUN / "routes").glob("*.json"):
        path.unlink()  # its slot is flushed with the test's database
    assert running() == []
