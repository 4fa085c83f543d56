"""What the judge is shown: counts, limits, and the version before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import EnvironmentRule
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
