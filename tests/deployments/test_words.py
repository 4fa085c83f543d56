"""A word follows its effect: the first request after it is answered as it says.

    WORDS_ROUNDS=200 pytest -m slow tests/deployments/test_words.py
    (-o junit_family=xunit1 --junitxml=seconds.xml keeps the seconds that it took)

The moment a row says something new, a client acts on it, over and over, alone and
beside ten thousand deployments that serve.
"""

import os
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import transaction

from deployments.models import Deployment, DeploymentKey, Slot
from deployments.plan import DeploymentPlan, Strategy
from deployments.states import Rollout, Status, StickyBy
from deployments.wake import wake_worker_and_wait
from mlops.core.models import ApiToken
from tests.deployments.factories import VersionFactory
from tests.deployments.gateway.process import FakeServer, GatewayProcess
from tests.deployments.reconciler.acting import traffic
from tests.deployments.targets.waiting import until
from tests.deployments.words import PublishingTarget, Worker, crowd

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
CROWDS = [
    pytest.param(0, id="alone"),
    pytest.param(10_000, id="in a crowd", marks=pytest.mark.slow),
]
ROUNDS = int(os.environ.get("WORDS_ROUNDS", "10"))
CANARY = DeploymentPlan(strategy=Strategy(Rollout.CANARY, (1, 99), 1))
HALF = DeploymentPlan(strategy=Strategy(Rollout.CANARY, (50,), 3600))
KEY = "mlopsk_test"
JUDGED_S = 2.0
FULL = 100


@pytest.fixture(params=CROWDS)
def gateway(request, short_dir):
    """Return a gateway whose reconciler works on real rows, and what serves."""
    crowd(request.param)
    server = FakeServer(short_dir)
    target = PublishingTarget(Path(settings.DATA_DIR) / "run", server.path)
    made = GatewayProcess(Path(settings.DATA_DIR), is_synced=False)
    with Worker(target, short_dir):
        until(wake_worker_and_wait)
        yield made
    target.close()
    made.close()
    server.close()
    for path in Path(settings.DATA_DIR).glob("run/*/*.json"):
        path.unlink()


@pytest.fixture
def slot():
    return Slot.objects.create(model=VersionFactory().model, environment="development")


@pytest.fixture
def key(slot, gateway):
    _, plain = DeploymentKey.issue(slot, "client", by=None)
    until(wake_worker_and_wait)
    return plain


def requested(slot, **options):
    version = VersionFactory(model=slot.model)
    return Deployment.request(version, slot.environment, by=None, **options)


def says(deployment, **word):
    """Return the moment that the row says so."""
    until(lambda: Deployment.objects.filter(pk=deployment.pk, **word).exists())


def active(slot, **options):
    deployment = requested(slot, **options)
    says(deployment, status=Status.ACTIVE)
    deployment.refresh_from_db()
    return deployment


def answer(gateway, slot, key, version=None, **headers):
    """Return the status of a prediction, and who made it."""
    name = quote(slot.model.name)
    at = f"/versions/{quote(version.version)}" if version else ""
    path = f"/serving/{slot.environment}/{name}/v2/models/{name}{at}/infer"
    status, _, said = gateway.post(path, {"inputs": []}, key=key, headers=headers)
    return status, said.get("x-deployment-id")


def test_what_is_active_answers_and_the_one_before_does_not(gateway, slot, key):
    seen = []
    for _ in range(ROUNDS):
        deployment = active(slot)
        seen.append((answer(gateway, slot, key), (200, str(deployment.pk))))

    assert [got for got, _ in seen] == [wanted for _, wanted in seen]


def test_what_was_rolled_back_answers_no_more(gateway, slot, key):
    first, second = active(slot), active(slot)
    seen = []
    for _ in range(max(ROUNDS // 2, 2)):
        restored = second.roll_back()
        says(second, status=Status.ROLLBACK)
        seen.append((answer(gateway, slot, key), (200, str(restored.pk))))
        second = active(slot)

    assert [got for got, _ in seen] == [wanted for _, wanted in seen]
    assert first.slot_id == second.slot_id


def test_what_is_terminated_answers_nothing(gateway, slot, key):
    seen = []
    for _ in range(ROUNDS):
        deployment = active(slot)
        deployment.terminate(by=None)
        says(deployment, status=Status.TERMINATED)
        seen.append(answer(gateway, slot, key)[0])

    assert set(seen) <= {401, 404}, "with the slot went what its key opens"


def test_a_canary_has_its_share_when_the_row_says_so_and_none_when_it_failed(
    gateway, slot, key
):
    active(slot)
    seen = []
    for _ in range(max(ROUNDS // 2, 2)):
        canary = requested(slot, plan=HALF)
        says(canary, traffic_percent=50)
        began = answer(gateway, slot, key, canary.model_version)
        canary.refresh_from_db()
        canary.rollout.abort(by=None)
        says(canary, status=Status.FAILED)
        ended = answer(gateway, slot, key, canary.model_version)[0]
        seen.append((began == (200, str(canary.pk)), ended))

    assert set(seen) == {(True, 404)}


def test_a_canary_goes_on_with_its_next_share_and_is_promoted(gateway, slot, key):
    active(slot)
    canary = requested(slot, plan=CANARY)
    says(canary, traffic_percent=99)

    answers = [answer(gateway, slot, key)[1] for _ in range(20)]
    says(canary, status=Status.ACTIVE)
    promoted = answer(gateway, slot, key)

    assert answers.count(str(canary.pk)) > 15
    assert promoted == (200, str(canary.pk))


STEPS = (30, 70)
CALLERS = 40


def who_have_it(gateway, slot, callers, canary):
    """Return round by round which of the callers a canary answers, as it rolls out.

    Through a round the share that its row says has held. A word follows its effect: in
    the last one at a share some have what the next share brings.
    """
    rounds, share = [], STEPS[0]
    while share < FULL:
        given = [answer(gateway, slot, key, **said) for key, said in callers]
        assert {status for status, _ in given} == {200}
        canary.refresh_from_db()
        if canary.traffic_percent == share:
            rounds.append(
                {n for n, (_, by) in enumerate(given) if by == str(canary.pk)}
            )
        share = canary.traffic_percent
    return rounds


@pytest.mark.parametrize("sticky_by", [StickyBy.KEY, StickyBy.HEADER])
def test_a_sticky_caller_keeps_the_new_version_as_its_share_grows(
    gateway, slot, key, sticky_by
):
    with transaction.atomic():
        keys = [DeploymentKey.issue(slot, "k", by=None)[1] for _ in range(CALLERS)]
    by_header = [(key, {"X-Customer": f"customer {n}"}) for n in range(CALLERS)]
    callers = [(each, {}) for each in keys] if sticky_by == "key" else by_header
    active(slot)
    strategy = Strategy(Rollout.CANARY, STEPS, 4, sticky_by, "X-Customer")
    canary = requested(slot, plan=DeploymentPlan(strategy=strategy))
    says(canary, traffic_percent=STEPS[0])

    rounds = who_have_it(gateway, slot, callers, canary)

    assert 0 < len(rounds[0]) < CALLERS
    assert rounds[0] < rounds[-1]
    assert all(fewer <= more for fewer, more in pairwise(rounds))


def test_a_new_key_opens_and_a_revoked_one_does_not(gateway, slot, key):
    active(slot)
    seen = []
    for _ in range(ROUNDS):
        made, plain = DeploymentKey.issue(slot, "shop", by=None)
        until(wake_worker_and_wait)
        opens = answer(gateway, slot, plain)[0]
        made.revoke(by=None)
        until(wake_worker_and_wait)
        seen.append((opens, answer(gateway, slot, plain)[0]))

    assert set(seen) == {(200, 401)}


def test_a_trial_key_opens_its_deployment_and_not_the_slot(gateway, slot, key):
    deployment = active(slot)

    _made, plain = DeploymentKey.issue_trial(deployment, by=None)
    until(wake_worker_and_wait)

    own = gateway.post(f"/serving/_d/{deployment.pk}", {"inputs": []}, key=plain)
    assert (own[0], own[2]["x-deployment-id"]) == (200, str(deployment.pk))
    assert answer(gateway, slot, plain)[0] == 401


def test_a_new_token_opens_and_a_revoked_one_does_not(gateway, slot, key, person):
    active(slot)
    seen = []
    for number in range(ROUNDS):
        token, plain = ApiToken.issue(person("deployer"), f"t{number}")
        until(wake_worker_and_wait)
        opens = answer(gateway, slot, plain)[0]
        token.revoke()
        until(wake_worker_and_wait)
        seen.append((opens, answer(gateway, slot, plain)[0]))

    assert set(seen) == {(200, 401)}


def test_the_token_of_somebody_who_is_active_no_more_opens_nothing(
    gateway, slot, key, person
):
    active(slot)
    owner = person("deployer")
    _, plain = ApiToken.issue(owner, "one")
    until(wake_worker_and_wait)
    before = answer(gateway, slot, plain)[0]

    owner.is_active = False
    owner.save()
    until(wake_worker_and_wait)

    assert (before, answer(gateway, slot, plain)[0]) == (200, 401)


def stopped_after_s(canary):
    """Let a canary fail all it gets; return how long its rollout goes on then."""
    traffic(canary, 200, 200)
    began = time.monotonic()
    says(canary, status=Status.FAILED)
    return time.monotonic() - began


def test_a_key_over_its_quota_is_refused_and_its_usage_is_shown(
    gateway, slot, key, api
):
    deployment = active(slot)
    before = DeploymentKey.objects.get()
    limited, plain = DeploymentKey.issue(slot, "shop", by=None, daily_quota=3)
    until(wake_worker_and_wait)

    statuses = [answer(gateway, slot, plain)[0] for _ in range(5)]

    assert statuses == [200] * 3 + [429] * 2
    assert answer(gateway, slot, key)[0] == 200
    url = f"/api/v1/ml/lifecycle/deployments/{deployment.pk}/keys"
    shown = {each["id"]: each["usage"] for each in api("viewer").get(url).json()}
    counts = {
        name: (usage["requests_today"], usage["refused_today"])
        for name, usage in shown.items()
    }
    assert counts == {str(limited.pk): (3, 2), str(before.pk): (1, 0)}


@pytest.mark.slow
def test_what_rolls_out_is_judged_every_two_seconds(gateway, slot, record_property):
    active(slot)
    took_s = []
    for _ in range(max(ROUNDS // 10, 3)):
        canary = requested(slot, plan=HALF)
        says(canary, traffic_percent=50)
        took_s.append(stopped_after_s(canary))

    record_property("seconds", took_s)
    assert median(took_s) < JUDGED_S


@pytest.mark.slow
def test_from_the_wish_to_active_is_no_longer_in_a_crowd(
    gateway, slot, record_property
):
    took_s = []
    for _ in range(max(ROUNDS // 4, 5)):
        began = time.monotonic()
        active(slot)
        took_s.append(time.monotonic() - began)

    record_property("seconds", took_s)
    assert median(took_s) < JUDGED_S
