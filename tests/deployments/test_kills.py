"""kill -9 of the reconciler at every row of its crash table, with real processes.

Whatever was being done, the next reconciler finishes it: one active deployment, a
route that says so, and nothing else running.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from deployments.models import Deployment
from deployments.states import Status
from deployments.targets import configured
from deployments.targets.processes import is_alive
from tests.deployments.factories import VersionFactory
from tests.deployments.targets.models import onnx_bytes
from tests.deployments.targets.waiting import until
from tests.deployments.test_races import require_legal_history

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
RUN = Path(settings.DATA_DIR) / "run"


@pytest.fixture
def workers():
    """Start reconcilers; whatever is left of them and theirs ends with the test."""
    started = []

    def start(*point):
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_DATABASE": str(connection.settings_dict["NAME"]),
        }
        command = [sys.executable, "-m", "tests.deployments.worker", *map(str, point)]
        worker = subprocess.Popen(command, env=environment)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.send_signal(signal.SIGCONT)
        worker.kill()
        worker.wait()
    configured()[0].close(stop_all=True)
    for path in (RUN / "routes").glob("*.json"):
        path.unlink()  # its slot is flushed with the test's database
    assert running() == []


def records():
    for path in (RUN / "instances").glob("*.json"):
        try:
            yield json.loads(path.read_bytes())
        except FileNotFoundError:
            continue


def running():
    """Return the deployment ids of model processes that live."""
    return sorted(
        record["deployment_id"]
        for record in records()
        if is_alive(record["pid"], record["start_time"])
    )


def routed():
    files = [json.loads(path.read_bytes()) for path in (RUN / "routes").glob("*.json")]
    return [[entry["deployment_id"] for entry in file["entries"]] for file in files]


def status_of(deployment):
    return Deployment.objects.get(pk=deployment.pk).status


def is_settled(deployment):
    wanted = str(deployment.pk)
    return (
        status_of(deployment) == Status.ACTIVE
        and routed() == [[wanted]]
        and running() == [wanted]
    )


def asked(version):
    return Deployment.request(version, "development", by=None)


@pytest.mark.parametrize(
    ("point", "left_at"),
    [
        ("validate:before", "validating"),
        ("validate:after", "validating"),
        ("apply:before", "deploying"),
        ("apply:after", "deploying"),
        ("observe:after", "deploying"),
        ("route:before", "active"),
        ("route:after", "active"),
    ],
)
def test_a_reconciler_killed_there_is_finished_by_the_next(workers, point, left_at):
    version = VersionFactory(content=onnx_bytes())
    old = asked(version)
    first = workers()
    until(lambda: is_settled(old))
    first.terminate()
    first.wait(20)
    new = asked(VersionFactory(model=version.model, content=onnx_bytes(1)))

    killed = workers(point, new.pk)
    assert killed.wait(30) == -signal.SIGKILL
    left = status_of(new)
    still_running = running()
    workers()
    until(lambda: is_settled(new))

    assert left == left_at
    assert str(old.pk) in still_running, "the old one answers throughout"
    assert status_of(old) == Status.TERMINATED
    require_legal_history(version.model)


def test_one_killed_before_it_drained_leaves_no_orphan(workers):
    version = VersionFactory(content=onnx_bytes())
    old = asked(version)
    first = workers("stop:before", old.pk)
    until(lambda: is_settled(old))
    new = asked(VersionFactory(model=version.model, content=onnx_bytes(1)))
    assert first.wait(30) == -signal.SIGKILL
    both = running()

    workers()
    until(lambda: is_settled(new))

    assert both == sorted([str(old.pk), str(new.pk)])


def test_one_that_sleeps_through_its_lease_wakes_up_as_a_bystander(workers):
    version = VersionFactory(content=onnx_bytes())
    old = asked(version)
    sleeper = workers()
    until(lambda: is_settled(old))
    sleeper.send_signal(signal.SIGSTOP)
    new = asked(VersionFactory(model=version.model, content=onnx_bytes(1)))
    workers()
    until(lambda: is_settled(new))

    sleeper.send_signal(signal.SIGCONT)
    newest = asked(version)
    until(lambda: is_settled(newest))

    assert sleeper.poll() is None
    assert status_of(new) == Status.TERMINATED
    require_legal_history(version.model)


def test_one_that_is_told_to_stop_leaves_its_models_serving(workers):
    deployment = asked(VersionFactory(content=onnx_bytes()))
    worker = workers()
    until(lambda: is_settled(deployment))

    worker.terminate()

    assert worker.wait(20) == 0
    assert is_settled(deployment)
