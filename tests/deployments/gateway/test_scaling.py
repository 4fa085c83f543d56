"""Instances follow the requests under way, between the bounds that were asked for."""

import pytest

from deployments.serving.supervisor import scaling
from deployments.serving.terms import Route, RouteEntry
from deployments.targets.local import LocalTarget
from tests.deployments.gateway.clients import Clients, iris_request
from tests.deployments.gateway.process import DIGEST, GatewayProcess
from tests.deployments.targets import models
from tests.deployments.targets.suite import serve
from tests.deployments.targets.waiting import until

PATH = "/serving/staging/iris/v2/models/iris/infer"
SLOW = """type('Slow', (), {
    'n_features_in_': 4,
    'predict': lambda self, rows: (__import__('time').sleep(0.05), rows[:, 0])[1],
})()"""


@pytest.fixture
def target(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "DOWN_AFTER_S", 2.0)
    with LocalTarget(tmp_path) as made:
        yield made


@pytest.fixture
def gateway(target, tmp_path):
    made = GatewayProcess(tmp_path)
    yield made
    made.close()


@pytest.fixture
def scaled(target, tmp_path):
    """Return a slow model's spec, which serves from one to three instances."""
    file = models.stored(tmp_path, models.pickled(SLOW))
    spec = models.spec_of(file, allows_code=True, instances=1, max_instances=3)
    serve(target, spec)
    entry = RouteEntry(spec.deployment_id, spec.model_version)
    target.route(Route("staging", "iris", (entry,), frozenset({DIGEST})))
    return spec


def test_load_brings_instances_up_and_rest_takes_them_down(target, gateway, scaled):
    def ready():
        return target.observe(scaled.deployment_id).ready_instances

    body = iris_request("input", "FP64")
    with Clients(gateway, PATH, 8, body) as clients:
        until(lambda: ready() == 3)
        answered = clients.sent + 50
        until(lambda: clients.sent > answered)
    until(lambda: ready() == 1)

    assert clients.statuses.keys() == {200}, clients.errors
    assert target.observe(scaled.deployment_id).restarts == 0
