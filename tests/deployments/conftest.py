"""Reconcilers that end with the test, and everything that they started."""

import signal

import pytest

from deployments.targets import configured
from tests.deployments.stack import RUN, running, started


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
