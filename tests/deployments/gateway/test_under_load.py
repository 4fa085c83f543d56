"""Real models under load: switched, killed and handed over without a lost request."""

import itertools
import os
import signal

import pytest

from deployments.serving.terms import Route, RouteEntry
from deployments.targets.local import LocalTarget
from tests.deployments.gateway.clients import Clients
from tests.deployments.gateway.process import DIGEST, GatewayProcess
from tests.deployments.targets import models
from tests.deployments.targets.suite import is_gone, is_ready, serve
from tests.deployments.targets.test_local import only_pid
from tests.deployments.targets.waiting import until

pytestmark = pytest.mark.slow
PATH = "/serving/staging/iris/v2/models/iris/infer"


@pytest.fixture
def target(tmp_path):
    with LocalTarget(tmp_path) as made:
        yield made


@pytest.fixture
def gateway(target, tmp_path):
    made = GatewayProcess(tmp_path)
    yield made
    made.close()


@pytest.fixture
def deploy(target, tmp_path):
    """Return a maker of versions that serve; each is routed to at once."""
    numbers = itertools.count(1)

    def make():
        number = next(numbers)
        file = models.stored(tmp_path, models.onnx_bytes(number % 3))
        spec = models.spec_of(file, model_version=str(number))
        serve(target, spec)
        switch(target, spec)
        return spec

    return make


def switch(target, spec) -> None:
    entry = RouteEntry(spec.deployment_id, spec.model_version)
    route = Route("staging", "iris", (entry,), frozenset({DIGEST}))
    target.route(route)


def wait_for_answers(clients, more: int = 200) -> None:
    """Wait until the clients got so many more answers."""
    enough = clients.sent + more
    until(lambda: clients.sent >= enough)


def test_promotions_lose_no_request_and_versions_only_grow(target, gateway, deploy):
    serving = deploy()
    with Clients(gateway, PATH) as clients:
        for _ in range(6):
            wait_for_answers(clients)
            before, serving = serving, deploy()
            target.stop(before.deployment_id)
        # Gateways look at the routes every 100 ms.
        until(lambda: all(s[-1] == serving.model_version for s in clients.versions))

    assert clients.statuses.keys() == {200}, clients.errors
    for seen in clients.versions:
        assert seen == sorted(set(seen), key=int)


def test_a_killed_model_process_loses_no_request(target, gateway, deploy):
    serving = deploy()
    with Clients(gateway, PATH) as clients:
        for kills in range(1, 4):
            wait_for_answers(clients)
            os.kill(only_pid(target, serving), signal.SIGKILL)
            until(lambda k=kills: target.observe(serving.deployment_id).restarts == k)
            until(lambda: is_ready(target, serving))
            wait_for_answers(clients)

    assert clients.statuses.keys() == {200}, clients.errors


def test_a_new_supervisor_loses_no_request(target, gateway, deploy, tmp_path):
    serving = deploy()
    with Clients(gateway, PATH) as clients:
        wait_for_answers(clients)
        target.close()
        with LocalTarget(tmp_path) as successor:
            old = only_pid(successor, serving)
            serve(successor, serving)
            until(lambda: only_pid_or_none(successor, serving) not in (old, None))
            wait_for_answers(clients)
            clients.__exit__()
            assert clients.statuses.keys() == {200}, clients.errors


def only_pid_or_none(target, spec):
    try:
        return only_pid(target, spec)
    except ValueError:  # two, while one replaces the other
        return None


def test_what_was_sent_is_what_was_counted(target, tmp_path, deploy):
    serving = deploy()
    gateway = GatewayProcess(tmp_path, "--workers", "4")
    until(lambda: len(list((tmp_path / "run" / "gateways").glob("*.json"))) == 4)
    with Clients(gateway, PATH, count=8) as clients:
        wait_for_answers(clients, 2000)

    gateway.close()

    counted = gateway.counted()[serving.deployment_id]
    assert counted["request_count"] == clients.sent
    assert counted["error_count"] == 0
    assert len(list((tmp_path / "traffic").glob("*.json"))) > 1
    target.stop(serving.deployment_id)
    until(lambda: is_gone(target, serving))
