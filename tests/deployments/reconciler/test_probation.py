"""What the judge is shown: counts, limits, and the version before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Deployment, EnvironmentRule
from deployments.models.figures import Figures
from deployments.reconciler import probation
from deployments.states import Rollout, Status
from tests.deployments.factories import DeploymentFactory, SlotFactory, count

COLUMN = [{"name": "x", "datatype": "FP64", "shape": [-1]}]
KNOWN = {"platform": "onnx", "inputs": COLUMN, "outputs": COLUMN, "feature_names": []}


@pytest.fixture
def rule():
    return EnvironmentRule(
        environment="development",
        min_requests=20,
        max_error_rate=0.1,
        max_non_finite_rate=0.05,
    )


def test_a_window_counts_what_was_answered_and_what_failed():
    figures = Figures(
        request_count=100,
        rejected_count=10,
        error_count=3,
        unavailable_count=2,
        client_error_count=5,
        non_finite_count=4,
        refused_anew_count=1,
    )

    window = probation.window_of(figures)

    assert (window.request_count, window.failed_count) == (90, 5)
    assert (window.refused_count, window.non_finite_count) == (5, 4)
    assert probation.window_of(figures, knows_before=True) != window


@pytest.mark.parametrize(
    ("counts", "needed"),
    [
        ({"request_count": 19, "error_count": 19}, False),
        ({"request_count": 20, "error_count": 1}, False),
        ({"request_count": 20, "error_count": 2}, True),
        ({"request_count": 40, "non_finite_count": 2}, False),
        ({"request_count": 40, "non_finite_count": 3}, True),
        ({"request_count": 40, "client_error_count": 3}, True),
    ],
)
def test_the_judge_is_needed_from_the_smaller_limit_on(rule, counts, needed):
    assert probation.needs_the_judge(Figures(**counts), rule) is needed


def test_without_a_limit_of_its_own_what_is_not_finite_never_needs_the_judge(rule):
    rule.max_non_finite_rate = None

    assert not probation.needs_the_judge(
        Figures(request_count=40, non_finite_count=4), rule
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "alike"),
    [
        ({}, True),
        ({"inputs": [*COLUMN, *COLUMN]}, False),
        ({"outputs": [{**COLUMN[0], "shape": [-1, 1]}]}, True),
        ({"outputs": []}, False),
        ({"feature_names": ["age"]}, False),
        ({"platform": probation.CODE}, False),
        ({"platform": None}, False),
    ],
)
def test_one_signature_refuses_alike(other, alike):
    before = DeploymentFactory(signature=KNOWN)
    after = DeploymentFactory(signature=KNOWN | other)

    assert probation.refuses_alike(before, after) is alike
    assert probation.refuses_alike(after, before) is alike


@pytest.fixture
def flipped(db):
    """Return a version that served until ten minutes ago, and its successor."""
    slot, flip = SlotFactory(), timezone.now() - timedelta(minutes=10)
    after = DeploymentFactory(slot=slot, active=True, deployed_at=flip)
    before = DeploymentFactory(slot=slot, status=Status.TERMINATED, superseded_by=after)
    return before, after, flip


def test_the_version_before_is_what_was_superseded(flipped):
    before, after, _ = flipped

    assert probation.version_before(after) == before
    assert probation.version_before(before) == after


@pytest.mark.parametrize(
    ("minutes", "hour", "shown"),
    [
        (probation.ENOUGH, 5, probation.ENOUGH),
        (probation.ENOUGH - 1, 5, probation.ENOUGH + 4),
    ],
)
def test_few_requests_before_a_flip_are_shown_with_those_of_the_hour(
    flipped, minutes, hour, shown
):
    before, after, flip = flipped
    count(before, flip - timedelta(minutes=2), request_count=minutes)
    count(before, flip - timedelta(minutes=40), request_count=hour)

    assert probation.record_of(before, after).request_count == shown


def test_beside_a_rollout_the_record_is_that_of_the_last_minutes(db):
    slot, now = SlotFactory(), timezone.now()
    before = DeploymentFactory(slot=slot, active=True)
    after = DeploymentFactory(
        slot=slot,
        status=Status.DEPLOYING,
        rollout_at=now - timedelta(hours=1),
        strategy={"kind": Rollout.CANARY},
    )
    count(before, now - timedelta(minutes=2), request_count=7)
    count(before, now - timedelta(minutes=30), request_count=100)

    assert probation.record_of(before, after).request_count == 7


@pytest.fixture
def at_noon(db):
    """Return a version that served until noon, and its successor since."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    slot = SlotFactory()
    after = DeploymentFactory(slot=slot, active=True, deployed_at=noon)
    before = DeploymentFactory(slot=slot, status=Status.TERMINATED, superseded_by=after)
    return before, after, noon


@pytest.mark.parametrize(
    ("requests", "reaches_back"),
    [
        (1000, timedelta(minutes=6)),  # five, and the one that they begin in
        (999, timedelta(hours=1)),
        (200, timedelta(hours=1)),
        (199, timedelta(days=1)),
    ],
)
def test_the_record_before_a_flip_reaches_back_until_it_says_enough(
    at_noon, requests, reaches_back
):
    before, after, noon = at_noon
    count(before, noon - timedelta(minutes=1), request_count=requests - 1)
    count(before, noon - reaches_back, request_count=1)
    beyond = timedelta(minutes=1 if reaches_back < timedelta(days=1) else 60)
    count(before, noon - reaches_back - beyond, request_count=7)

    assert probation.record_of(before, after).request_count == requests


def test_a_record_beside_a_rollout_begins_with_its_minute(db):
    slot, now = SlotFactory(), timezone.now()
    before = DeploymentFactory(slot=slot, active=True)
    after = DeploymentFactory(
        slot=slot,
        status=Status.DEPLOYING,
        rollout_at=now - timedelta(minutes=2),
        strategy={"type": Rollout.CANARY},
    )
    for minutes, requests in ((1, 1), (2, 2), (4, 4)):
        at = now - timedelta(minutes=minutes)
        count(before, at, request_count=requests)

    assert probation.record_of(before, after).request_count == 3


@pytest.mark.parametrize(
    ("ours", "theirs", "is_known"),
    [
        ({}, {}, True),
        ({"platform": probation.CODE}, {}, False),
        ({}, {"platform": probation.CODE}, False),
        ({}, {"inputs": COLUMN * 1000}, False),
        ({}, {"inputs": COLUMN * 100}, True),
    ],
)
def test_what_the_version_before_takes_is_known_where_its_signature_is_whole(
    flipped, ours, theirs, is_known
):
    before, after, _ = flipped
    for one, changes in ((before, theirs), (after, ours)):
        one.signature = KNOWN | changes
        one.save(update_fields=["signature"])

    found = probation.signature_before(after)

    assert (found is not None) is is_known
    assert found is None or found.inputs[0].name == "x"


def test_the_first_of_a_slot_has_no_version_before(db):
    first = DeploymentFactory(active=True, signature=KNOWN)

    assert probation.version_before(first) is None
    assert probation.signature_before(first) is None


def test_beside_code_refusals_are_no_ones_alike(flipped):
    before, after, _ = flipped
    before.signature = after.signature = KNOWN | {"outputs": None}

    assert probation.refuses_alike(before, after)


@pytest.mark.parametrize(("max_p95_ms", "has_histogram"), [(None, False), (50.0, True)])
def test_latencies_are_read_where_a_rule_limits_them(
    db, rule, max_p95_ms, has_histogram
):
    serving = DeploymentFactory(active=True)
    quiet = DeploymentFactory(active=True)
    elsewhere = DeploymentFactory(active=True, slot__environment="staging")
    now = timezone.now()
    for one in (serving, elsewhere):
        count(one, now, request_count=3, histogram={"40": 3})
        count(one, now - timedelta(minutes=6), request_count=100)
    rule.max_p95_ms = max_p95_ms

    deployments = [elsewhere, quiet, serving]
    found = probation.recent_figures(deployments, {"development": rule})

    assert found[serving.pk].request_count == 3
    assert bool(found[serving.pk].histogram) is has_histogram
    assert found[elsewhere.pk].histogram == {}
    assert quiet.pk not in found


@pytest.mark.parametrize(
    ("seconds", "is_off", "bakes"),
    [(10, False, True), (600, False, False), (10, True, False)],
)
def test_it_bakes_for_as_long_as_the_rule_says(db, rule, seconds, is_off, bakes):
    rule.rolls_back_by_itself, rule.bake_s = not is_off, 300
    at = timezone.now() - timedelta(seconds=seconds)
    deployment = DeploymentFactory(active=True, deployed_at=at)
    rows = Deployment.objects.filter(probation.on_probation({"development": rule}))

    assert probation.is_baking(deployment, rule) is bakes
    assert probation.is_on_probation(deployment, rule) is bakes
    assert rows.exists() is bakes
