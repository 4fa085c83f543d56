"""Reconcilers that are killed, sleep or are told to stop, with real processes.

Whatever was being done, the next one finishes it: one active deployment, a route that
says so, and nothing else running. `test_repeated_kills` kills at every single point.
"""

import signal
from pathlib import Path

import pytest

from deployments.states import Status
from tests.deployments.factories import VersionFactory
from tests.deployments.stack import is_settled, requested, running, status_of
from tests.deployments.targets.models import onnx_bytes
from tests.deployments.targets.waiting import until
from tests.deployments.test_races import require_legal_history

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def test_one_killed_before_it_drained_leaves_no_orphan(workers):
    version = VersionFactory(content=onnx_bytes())
    old = requested(version)
    first = workers("stop:before", old.pk)
    until(lambda: is_settled(old))
    new = requested(VersionFactory(model=version.model, content=onnx_bytes(1)))
    assert first.wait(30) == -signal.SIGKILL
    both = running()

    workers()
    until(lambda: is_settled(new))

    assert both == sorted([str(old.pk), str(new.pk)])


def test_one_that_sleeps_through_its_lease_wakes_up_as_a_bystander(workers):
    version = VersionFactory(content=onnx_bytes())
    old = requested(version)
    # Not within a transaction: SQLite has one writer, who must not fall asleep.
    sleeper = workers("route:after", old.pk, "SIGSTOP")
    until(lambda: is_settled(old) and is_stopped(sleeper))
    new = requested(VersionFactory(model=version.model, content=onnx_bytes(1)))
    workers()
    until(lambda: is_settled(new))

    sleeper.send_signal(signal.SIGCONT)
    newest = requested(version)
    until(lambda: is_settled(newest))

    assert sleeper.poll() is None
    assert status_of(new) == Status.TERMINATED
    require_legal_history(version.model)


def test_one_that_is_told_to_stop_leaves_its_models_serving(workers):
    deployment = requested(VersionFactory(content=onnx_bytes()))
    worker = workers()
    until(lambda: is_settled(deployment))

    worker.terminate()

    assert worker.wait(20) == 0
    assert is_settled(deployment)


def is_stopped(process):
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"
