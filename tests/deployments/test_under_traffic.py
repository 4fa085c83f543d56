"""Clients at full speed over everything that people and accidents do to a slot.

Real reconcilers, a real gateway, real models; people change rows. No request fails,
and whoever has seen a revision sees none before it any more.
"""

import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.utils import timezone

from deployments.models import Deployment, DeploymentKey, EnvironmentRule
from deployments.reconciler.sample_intake import Intake
from deployments.samples import live_sample
from tests.deployments.factories import VersionFactory
from tests.deployments.gateway.clients import Clients, iris_request
from tests.deployments.gateway.process import DIGEST, GatewayProcess
from tests.deployments.gateway.test_supervisor import workers as workers_of
from tests.deployments.stack import RUN, is_settled, pids_of, requested
from tests.deployments.targets.models import onnx_bytes
from tests.deployments.targets.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
CLIENTS = 4


@pytest.fixture
def gateways():
    """Start gateways on the folder that reconcilers of the tests write to."""
    made = []

    def start(*arguments):
        made.append(GatewayProcess(Path(settings.DATA_DIR), *arguments))
        return made[-1]

    yield start
    for gateway in made:
        gateway.close()


@pytest.fixture
def serving(workers):
    """Return the first deployment of a model, and its reconciler."""
    worker = workers()
    deployment = requested(VersionFactory(model__name="iris", content=onnx_bytes()))
    DeploymentKey.objects.create(slot=deployment.slot, name="clients", digest=DIGEST)
    until(lambda: is_settled(deployment))
    return deployment, worker


PATH = "/serving/development/iris/v2/models/iris/infer"


def upgraded(deployment, shift):
    """Ask for a new version of the model; return its deployment."""
    model = deployment.slot.model
    return requested(VersionFactory(model=model, content=onnx_bytes(shift % 3)))


def kill_model_of(deployment):
    """Kill the model's process and wait for another one."""
    (pid,) = pids_of(deployment)
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_settled(deployment) and pids_of(deployment) != [pid])


def seen_by_all(clients, deployment):
    """Wait until every client's last answer is of the deployment, then some more."""
    until(lambda: is_settled(deployment))
    until(lambda: all(s[-1:] == [str(deployment.pk)] for s in clients.deployments))
    more(clients)


def more(clients, answers=200):
    enough = clients.sent + answers
    until(lambda: clients.sent >= enough)


def require_flawless(clients):
    revisions = {
        str(pk): revision
        for pk, revision in Deployment.objects.values_list("pk", "revision")
    }
    assert clients.statuses.keys() == {200}, (clients.statuses, clients.errors[:3])
    for seen in clients.deployments:
        order = [revisions[each] for each in seen]
        assert order == sorted(set(order))


def test_promotions_a_rollback_and_six_flips_in_a_row_lose_nothing(serving, gateways):
    first, _ = serving
    with Clients(gateways(), PATH, CLIENTS) as clients:
        second = upgraded(first, 1)
        seen_by_all(clients, second)
        restored = second.roll_back(reason="worse")
        seen_by_all(clients, restored)
        newest = restored
        for flip in range(6):
            newest = upgraded(first, flip)
            until(lambda flipped=newest: is_settled(flipped))
        seen_by_all(clients, newest)

    require_flawless(clients)
    assert {seen[-1] for seen in clients.versions} == {newest.model_version.version}


def test_killed_models_and_reconcilers_lose_nothing(serving, gateways, workers):
    current, worker = serving
    with Clients(gateways(), PATH, CLIENTS) as clients:
        for kill in range(3):
            more(clients)
            kill_model_of(current)
            more(clients)
            current = upgraded(current, kill)
            worker.kill()
            worker.wait()
            more(clients)
            worker = workers()
            seen_by_all(clients, current)

    require_flawless(clients)


def test_a_killed_gateway_takes_its_own_connections_along_and_no_more(
    serving, gateways
):
    gateway = gateways("--workers", "2")
    gateways = Path(settings.DATA_DIR) / "run" / "gateways"
    until(lambda: len(list(gateways.glob("*.json"))) >= 2)
    with Clients(gateway, PATH, CLIENTS) as clients:
        more(clients)
        victim, survivor = workers_of(gateway)
        os.kill(victim, signal.SIGKILL)
        more(clients, 1000)
        until(lambda: len(workers_of(gateway) - {victim}) == 2)
        more(clients, 1000)

    broken = clients.sent - clients.statuses[200]
    assert broken <= CLIENTS
    answered = [status for status in clients.statuses if isinstance(status, int)]
    assert answered == [200]
    assert survivor in workers_of(gateway)


def test_what_clients_send_is_the_live_sample(serving, gateways):
    deployment, _ = serving
    assert not is_sampled()
    EnvironmentRule.objects.filter(pk="development").update(sample_rate=1.0)
    until(is_sampled)
    gateway, body = gateways(), json.loads(iris_request())
    for number in range(50):
        body["inputs"][0]["data"][0] = number / 10
        assert gateway.post(PATH, body)[0] == 200
    gateway.close()

    Intake().ingest()

    until_now = timezone.now() - timedelta(minutes=5), timezone.now()
    with live_sample(deployment.pk, *until_now) as sample:
        rows = pq.read_table(sample.path).to_pydict()
    assert list(rows) == ["X_0", "X_1", "X_2", "X_3"]
    assert sorted(rows["X_0"]) == [number / 10 for number in range(50)]


def is_sampled():
    (path,) = (RUN / "routes").glob("*.json")
    return json.loads(path.read_bytes())["sample_rate"] == 1.0
