"""A bad version is undone by itself; a good one never is. Real models, real clients.

A version is bad for a share of what everybody sends: of ten requests that each client
sends in turn, those with the highest number.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from onnx import TensorProto, helper, numpy_helper

from deployments.models import Deployment, DeploymentKey, EnvironmentRule
from deployments.plan import DeploymentPlan, Strategy
from deployments.states import Rollout, Status
from tests.deployments.factories import VersionFactory
from tests.deployments.gateway.clients import Clients
from tests.deployments.gateway.process import DIGEST, GatewayProcess
from tests.deployments.stack import is_settled, requested, status_of
from tests.deployments.targets.models import pickled
from tests.deployments.targets.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
BAKE_S = 60  # a busy machine takes long to begin a process; alone, 10 s are enough
TURNS = 10
CLIENTS = 4
FLIPS, FLIP_BAKE_S, ENOUGH = 50, 10, 200
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def onnx(nodes, shape=(None, None), *tables) -> bytes:
    x = helper.make_tensor_value_info("x", FLOAT, shape)
    y = helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], list(tables))
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    return model.SerializeToString()


@cache
def good() -> bytes:
    return onnx([helper.make_node("Identity", ["x"], ["y"])])


def raises(last_good: int) -> bytes:
    """Look up a place that is not there, for numbers above the last good one."""
    limit = numpy_helper.from_array(np.array(last_good, np.float32), "limit")
    table = numpy_helper.from_array(np.zeros(1, np.float32), "table")
    nodes = [
        helper.make_node("Sub", ["x", "limit"], ["above"]),
        helper.make_node("Relu", ["above"], ["over"]),
        helper.make_node("Cast", ["over"], ["place"], to=INT64),
        helper.make_node("Gather", ["table", "place"], ["y"]),
    ]
    return onnx(nodes, (None, None), limit, table)


def not_finite(last_good: int) -> bytes:
    limit = numpy_helper.from_array(np.array(last_good + 0.5, np.float32), "limit")
    nodes = [
        helper.make_node("Sub", ["limit", "x"], ["below"]),
        helper.make_node("Log", ["below"], ["y"]),
    ]
    return onnx(nodes, (None, None), limit)


def narrower(_last_good: int) -> bytes:
    """Take one column only; `sent` has two in what is to be refused."""
    return onnx([helper.make_node("Identity", ["x"], ["y"])], (None, 1))


def coded(then: str, last_good: int = TURNS) -> bytes:
    """Return a pickle that does something for numbers above the last good one."""
    predict = (
        f"lambda self, x: ({then}) and x[:, 0] if x[0, 0] > {last_good} else x[:, 0]"
    )
    return pickled(f"type('M', (), dict(n_features_in_=1, predict={predict}))()")


def dies(last_good: int) -> bytes:
    return coded("__import__('os')._exit(3)", last_good)


def sleeps(last_good: int) -> bytes:
    return coded("__import__('time').sleep(0.4) or True", last_good)


BAD = {
    "raises": raises,
    "not finite": not_finite,
    "refuses": narrower,
    "dies": dies,
    "slow": sleeps,
}
CODE = {"dies", "slow"}


def sent(number: int, columns: int = 1) -> bytes:
    data = [number] * columns
    tensor = {"name": "x", "shape": [1, columns], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


def as_code(number: int) -> bytes:
    tensor = {"name": "input", "shape": [1, 1], "datatype": "FP64", "data": [number]}
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.fixture
def gateway():
    made = GatewayProcess(Path(settings.DATA_DIR))
    yield made
    made.close()


@pytest.fixture
def rule():
    rules = EnvironmentRule.objects.filter(pk="development")
    rules.update(
        rolls_back_by_itself=True,
        bake_s=BAKE_S,
        allows_pickle=True,
        max_error_rate=0.05,
    )
    return rules


def deployed(content):
    """Return the first deployment of a model, once it serves."""
    deployment = requested(VersionFactory(model__name="m", content=content))
    DeploymentKey.objects.create(slot=deployment.slot, name="clients", digest=DIGEST)
    until(lambda: is_settled(deployment))
    return deployment


def followed(deployment, content, **options):
    version = VersionFactory(model=deployment.slot.model, content=content)
    return requested(version, **options)


PATH = "/serving/development/m/v2/models/m/infer"


def more(clients, answers=400):
    enough = clients.sent + answers
    until(lambda: clients.sent >= enough)


@pytest.mark.parametrize(
    "case", [(kind, turns) for kind in BAD for turns in (10, 3, 1)]
)
def test_a_bad_version_is_undone_by_itself(
    workers, gateway, rule, case, record_property
):
    kind, turns = case
    if kind == "slow":
        rule.update(max_p95_ms=150.0)
    workers()
    last_good = TURNS - turns
    first = deployed(coded("True") if kind in CODE else good())
    numbers = range(1, TURNS + 1)
    if kind in CODE:
        bodies = [as_code(number) for number in numbers]
    else:
        wide = kind == "refuses"
        bodies = [sent(n, 2 if wide and n > last_good else 1) for n in numbers]

    with Clients(gateway, PATH, CLIENTS, *bodies) as clients:
        more(clients)
        second = followed(first, BAD[kind](last_good))
        until(lambda: status_of(second) in {Status.ACTIVE, Status.ROLLBACK})
        until(lambda: status_of(second) == Status.ROLLBACK)
        restored = Deployment.objects.get(rollback_from=second)
        until(lambda: is_settled(restored))
        more(clients)

    for one in (first, restored):
        answers = {s for d, s in clients.outcomes if d == str(one.pk)}
        assert answers == {200}, (clients.outcomes, clients.errors[:3])
    second.refresh_from_db()
    took_s = (restored.created_at - second.deployed_at).total_seconds()
    record_property("seconds", took_s)
    assert took_s < BAKE_S
    assert restored.reason


WHERE_IT_SERVES = "__import__('resource').getrlimit(0)[0] < 0"
"""Only the process that validates has a limit of processor time."""
NEVER_READY = pickled(
    f"{WHERE_IT_SERVES} and __import__('time').sleep(10**6) or "
    "type('M', (), dict(n_features_in_=1, predict=lambda self, x: x[:, 0]))()"
)


def test_what_is_never_ready_fails_and_the_old_one_serves_on(workers, gateway, rule):
    rule.update(progress_deadline_s=20)
    workers()
    first = deployed(good())

    with Clients(gateway, PATH, CLIENTS, sent(1)) as clients:
        more(clients)
        second = followed(first, NEVER_READY)
        until(lambda: status_of(second) == Status.FAILED, 240)
        more(clients)

    second.refresh_from_db()
    assert "did not become ready within 20 s" in second.error_message
    assert {*clients.outcomes} == {(str(first.pk), 200)}, clients.errors[:3]
    until(lambda: is_settled(first))


def is_over(deployment):
    """Whether its bake time is over, and enough requests came within it."""
    deployment.refresh_from_db()
    if deployment.deployed_at is None:
        return False
    age = timezone.now() - deployment.deployed_at
    return age.total_seconds() > FLIP_BAKE_S + 2 and deployment.windows.filter(
        request_count__gte=ENOUGH
    )


def flipped(deployment, number):
    """Flip to a version of another signature that answers the same; wait it out."""
    shape = (None, 1) if number % 2 else (None, None)
    identity = [helper.make_node("Identity", ["x"], ["y"])]
    newer = followed(deployment, onnx(identity, shape))
    until(lambda: is_over(newer))
    assert newer.status == Status.ACTIVE, newer.events.values_list("message", flat=True)
    return newer


def test_fifty_good_versions_are_left_alone(workers, gateway, rule):
    rule.update(bake_s=FLIP_BAKE_S)
    workers()
    newest = deployed(good())

    with Clients(gateway, PATH, CLIENTS, sent(1)):
        for number in range(FLIPS):
            newest = flipped(newest, number)

    assert not Deployment.objects.filter(rollback_from__isnull=False).exists()


@pytest.mark.parametrize("clients_of_nonsense", [1, 5])
def test_what_neither_version_takes_undoes_nothing(
    workers, gateway, rule, clients_of_nonsense
):
    rule.update(bake_s=FLIP_BAKE_S)
    workers()
    newest = deployed(good())
    nonsense = b'{"inputs": []}'

    with (
        Clients(gateway, PATH, 9, sent(1)),
        Clients(gateway, PATH, clients_of_nonsense, nonsense) as wrong,
    ):
        more(wrong)
        for number in range(3):
            newest = flipped(newest, number)

    assert wrong.statuses.keys() == {400}
    assert not Deployment.objects.filter(rollback_from__isnull=False).exists()


@pytest.mark.parametrize("clients_of_nonsense", [1, 9])
def test_nonsense_that_begins_at_a_flip_undoes_nothing(
    workers, gateway, rule, clients_of_nonsense
):
    rule.update(bake_s=FLIP_BAKE_S)
    workers()
    newest = deployed(good())

    with Clients(gateway, PATH, 4, sent(1)) as clients:
        more(clients)
        with Clients(gateway, PATH, clients_of_nonsense, b'{"inputs": []}') as wrong:
            flipped(newest, 1)

    assert wrong.statuses.keys() == {400}
    assert not Deployment.objects.filter(rollback_from__isnull=False).exists()


CANARY = DeploymentPlan(strategy=Strategy(Rollout.CANARY, (10, 50), FLIP_BAKE_S))


def test_a_canary_is_not_stopped_by_what_neither_version_takes(workers, gateway, rule):
    workers()
    first = deployed(good())
    nonsense = b'{"inputs": []}'

    with (
        Clients(gateway, PATH, 9, sent(1)),
        Clients(gateway, PATH, 1, nonsense) as wrong,
    ):
        more(wrong)
        newer = followed(first, narrower(0), plan=CANARY)
        until(lambda: status_of(newer) in {Status.ACTIVE, Status.FAILED}, 240)

    newer.refresh_from_db()
    assert newer.status == Status.ACTIVE, newer.error_message


@pytest.mark.parametrize("turns", [10, 3, 1])
def test_a_canary_that_refuses_what_was_taken_is_stopped(workers, gateway, rule, turns):
    workers()
    first = deployed(good())
    last_good = TURNS - turns
    bodies = [sent(n, 2 if n > last_good else 1) for n in range(1, TURNS + 1)]

    with Clients(gateway, PATH, CLIENTS, *bodies) as clients:
        more(clients)
        newer = followed(first, narrower(0), plan=CANARY)
        until(lambda: status_of(newer) in {Status.ACTIVE, Status.FAILED}, 240)

    newer.refresh_from_db()
    assert newer.status == Status.FAILED
    assert "were refused" in newer.error_message
    assert {s for d, s in clients.outcomes if d == str(first.pk)} == {200}
