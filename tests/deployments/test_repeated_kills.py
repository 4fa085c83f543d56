"""One reconciler after another is killed -9, each at the same point of a new deploy.

    DRILL_ROUNDS=20 pytest -m slow tests/deployments/test_repeated_kills.py

Each of them finishes what the one before it left, and is killed at the next deploy:
outside transactions, and inside those that validate, start and activate.
"""

import os
import signal
from pathlib import Path

import pytest
from django.conf import settings

from deployments.models import Deployment, DeploymentEvent, Lease
from deployments.states import Status
from tests.deployments.factories import VersionFactory
from tests.deployments.gateway.process import GatewayProcess
from tests.deployments.stack import is_settled, requested, running, status_of
from tests.deployments.targets.models import onnx_bytes
from tests.deployments.targets.waiting import until
from tests.deployments.test_races import require_legal_history
from tests.deployments.worker import NEXT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
ROUNDS = int(os.environ.get("DRILL_ROUNDS", "1"))
LONG_S = 90

LEFT_AT = {
    "begin_validating:before": "pending",
    "begin_validating:after": "pending",
    "validate:before": "validating",
    "validate:after": "validating",
    "begin_deploying:after": "validating",
    "apply:before": "deploying",
    "apply:after": "deploying",
    "observe:after": "deploying",
    "activate:before": "deploying",
    "make_way_for:after": "deploying",
    "activate:after": "deploying",
    "route:before": "deploying",
    "route:after": "deploying",
    "stop:before": "active",
    "stop:after": "active",
}


@pytest.fixture(scope="module")
def gateway():
    made = GatewayProcess(Path(settings.DATA_DIR), "--open", is_synced=False)
    yield made
    made.close()


@pytest.mark.parametrize("point", LEFT_AT)
def test_whoever_is_killed_there_again_and_again_loses_nothing(workers, point, gateway):
    version = VersionFactory(content=onnx_bytes())
    old = settled_by(workers(), version)
    worker = workers(point, NEXT)
    until(lambda: Lease.objects.exclude(holder="").exists(), LONG_S)

    for number in range(ROUNDS):
        content = onnx_bytes(number % 3)
        new = requested(VersionFactory(model=version.model, content=content))
        assert worker.wait(LONG_S) == -signal.SIGKILL
        left, still_running = status_of(new), running()
        meanwhile = answering(gateway, version.model)
        worker = workers(point, NEXT)
        until(lambda one=new: is_settled(one), LONG_S)

        assert meanwhile in {str(old.pk), str(new.pk)}, "never neither"
        assert answering(gateway, version.model) == str(new.pk)
        assert left == LEFT_AT[point]
        assert str(old.pk) in still_running, "the old one answers throughout"
        assert status_of(old) == Status.TERMINATED
        old = new

    require_legal_history(version.model)
    require_events_without_gaps()


@pytest.mark.parametrize("point", ["end_as_requested:before", "end_as_requested:after"])
def test_who_is_killed_while_one_is_retired_leaves_what_the_next_one_ends(
    workers, point, gateway
):
    version = VersionFactory(content=onnx_bytes())
    deployment = settled_by(workers(), version)
    worker = workers(point, deployment.pk)
    deployment.refresh_from_db()
    deployment.terminate(by=None)
    assert worker.wait(LONG_S) == -signal.SIGKILL
    left = status_of(deployment)

    workers()
    until(lambda: status_of(deployment) == Status.TERMINATED, LONG_S)

    assert left == Status.ACTIVE, "whether it still answers is not known"
    assert answering(gateway, version.model) is None
    until(lambda: running() == [], LONG_S)


def answering(gateway, model):
    """Return the deployment that answers a prediction now, None if there is none."""
    path = f"/serving/development/{model.name}"
    status, body, headers = gateway.post(path, {"instances": [[1.0, 2.0, 3.0, 4.0]]})
    assert status in {200, 404}, body
    return headers.get("x-deployment-id")


def settled_by(worker, version):
    """Return a deployment of the version that a worker brought up before it left."""
    deployment = requested(version)
    until(lambda: is_settled(deployment), LONG_S)
    worker.terminate()
    assert worker.wait(LONG_S) == 0
    return deployment


def require_events_without_gaps():
    for deployment in Deployment.objects.all():
        events = DeploymentEvent.objects.filter(deployment=deployment)
        numbers = list(events.order_by("sequence").values_list("sequence", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
