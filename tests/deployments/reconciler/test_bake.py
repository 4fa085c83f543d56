"""What is new and in trouble goes back by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import (
    Deployment,
    EnvironmentRule,
)
from deployments.reconciler.judging import Judging
from deployments.reconciler.pass_memory import Memory
from deployments.reconciler.probation import recent_figures
from deployments.states import Health, Status
from tests.deployments.factories import DeploymentFactory, VersionFactory, count
from tests.deployments.reconciler.acting import (
    messages_of,
    requested,
    settle,
    status_of,
    traffic,
)

pytestmark = pytest.mark.django_db
BAKE_S = 3600


@pytest.fixture
def baking():
    EnvironmentRule.objects.filter(pk="development").update(
        rolls_back_by_itself=True, max_error_rate=0.05, bake_s=BAKE_S
    )


def two(reconciler, **before):
    """Return a version that served, with what was counted of it, and its successor."""
    version = VersionFactory()
    first = requested(version)
    settle(reconciler)
    if before:
        traffic(first, **before)
    second = requested(VersionFactory(model=version.model))
    settle(reconciler)
    return first, second


def test_errors_while_baking_send_it_back(reconciler, baking):
    first, second = two(reconciler)
    traffic(second, 100, 10)

    settle(reconciler)

    restored = Deployment.objects.get(rollback_from=second)
    assert (status_of(second), status_of(restored)) == ("rollback", "active")
    assert restored.restores == first
    assert restored.reason == "10.0% of 100 requests failed, more than 5.0%"
    entered = restored.events.order_by("sequence").first()
    assert (entered.mover, entered.actor) == ("system", None)


def test_a_pass_counts_what_it_sent_back(reconciler, baking):
    _first, second = two(reconciler)
    traffic(second, 100, 10)

    assert reconciler.once().moved == 1


def test_a_crash_while_baking_sends_it_back(reconciler, target, clock, baking):
    _first, second = two(reconciler)
    reconciler.once()
    target.crash(str(second.pk), "killed by SIGSEGV")
    reconciler.once()
    clock.now += 6

    settle(reconciler)

    assert status_of(second) == Status.ROLLBACK
    restored = Deployment.objects.get(rollback_from=second)
    assert restored.reason == "killed by SIGSEGV"


def test_after_the_bake_nothing_is_sent_back(reconciler, baking):
    _first, second = two(reconciler)
    Deployment.objects.filter(pk=second.pk).update(
        deployed_at=timezone.now() - timedelta(seconds=BAKE_S + 1)
    )
    traffic(second, 100, 90)

    settle(reconciler)

    assert status_of(second) == Status.ACTIVE
    assert second.health == Health.UNHEALTHY


def test_after_the_bake_its_health_is_still_that_beside_the_version_before(
    reconciler, baking
):
    _first, second = two(reconciler, requests=500)
    second.refresh_from_db()
    with_other_inputs(second)
    Deployment.objects.filter(pk=second.pk).update(
        deployed_at=timezone.now() - timedelta(seconds=BAKE_S + 1)
    )
    traffic(second, 200, client_error_count=60)

    settle(reconciler)

    assert status_of(second) == Status.ACTIVE
    assert second.health == Health.DEGRADED
    assert second.health_reason.startswith("30.0% of 200 requests were refused")


def test_what_the_version_before_did_counts_once_all_of_it_is_counted(
    reconciler, baking
):
    """Gateways count on for a minute and a half; then it is remembered."""
    first, second = two(reconciler, requests=500)
    traffic(second, 200, 60)
    second.refresh_from_db()
    rule = EnvironmentRule.of("development")
    judging = Judging(reconciler.lease, Memory())
    judging.figures = recent_figures([second], {"development": rule})
    against = []
    for seconds, errors in ((60, 0), (60, 150), (120, 0), (120, 150)):
        traffic(first, 500, errors)
        second.deployed_at = timezone.now() - timedelta(seconds=seconds)
        against.append(bool(judging.verdict(second, rule)))

    assert against == [True, False, True, True]


def test_where_the_rule_is_off_nothing_is_sent_back(reconciler):
    _first, second = two(reconciler)
    traffic(second, 100, 90)

    settle(reconciler)

    assert status_of(second) == Status.ACTIVE


def test_without_a_past_a_bad_one_serves_on_and_says_so_once(reconciler, baking):
    deployment = requested()
    settle(reconciler)
    traffic(deployment, 100, 90)

    for _ in range(5):
        reconciler.once()

    assert status_of(deployment) == Status.ACTIVE
    found = [
        line for line in messages_of(deployment) if line.startswith("would be rolled")
    ]
    assert len(found) == 1


def is_undone(reconciler, deployment):
    settle(reconciler)
    return status_of(deployment) == Status.ROLLBACK


def with_other_inputs(deployment, platform="mlflow_pyfunc"):
    """Let a deployment's signature be another than its predecessor's.

    That of a model that is code does not tell all that it takes.
    """
    inputs = [{"name": "other", "datatype": "FP32", "shape": [-1, 1]}]
    signature = {**deployment.signature, "inputs": inputs, "platform": platform}
    Deployment.objects.filter(pk=deployment.pk).update(signature=signature)


BAD = ["errors", "unavailable_count", "client_error_count", "non_finite_count"]


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
@pytest.mark.parametrize("bad", BAD)
def test_what_the_version_before_did_not_do_undoes_the_new_one(
    reconciler, baking, bad, share
):
    _first, second = two(reconciler, requests=500)
    second.refresh_from_db()
    with_other_inputs(second)
    traffic(second, 200, **{bad: int(200 * share)})

    assert is_undone(reconciler, second)


@pytest.mark.parametrize("bad", BAD)
def test_what_the_version_before_did_as_well_undoes_nothing(reconciler, baking, bad):
    _first, second = two(reconciler, requests=500, **{bad: 160})
    second.refresh_from_db()
    with_other_inputs(second)
    traffic(second, 200, **{bad: 75})

    assert not is_undone(reconciler, second)


@pytest.mark.parametrize("bad", BAD)
def test_where_little_was_asked_in_the_hour_the_day_is_the_witness(
    reconciler, baking, bad
):
    first, second = two(reconciler, requests=30)
    earlier = timezone.now() - timedelta(hours=5)
    count(first, earlier, request_count=400, sum_ms=800.0, histogram={"40": 400})
    second.refresh_from_db()
    with_other_inputs(second)
    traffic(second, 300, **{bad: 30})

    assert is_undone(reconciler, second)


@pytest.mark.parametrize("bad", BAD)
def test_what_the_day_shows_of_the_version_before_excuses_the_new_one(
    reconciler, baking, bad
):
    first, second = two(reconciler, requests=30)
    earlier = timezone.now() - timedelta(hours=5)
    counts = {"error_count" if bad == "errors" else bad: 160}
    count(first, earlier, request_count=400, sum_ms=800.0, **counts)
    second.refresh_from_db()
    with_other_inputs(second)
    traffic(second, 300, **{bad: 110})

    assert not is_undone(reconciler, second)


def test_refusals_of_one_signature_are_the_callers(reconciler, baking):
    _first, second = two(reconciler, requests=500)
    traffic(second, 200, client_error_count=100)

    assert not is_undone(reconciler, second)


@pytest.mark.parametrize("requests", [0, 500])
@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
def test_what_the_version_before_takes_must_be_taken(
    reconciler, baking, requests, share
):
    _first, second = two(reconciler, requests=requests)
    second.refresh_from_db()
    with_other_inputs(second, "onnx_onnxv1")
    refused = int(200 * share)
    traffic(second, 200, client_error_count=refused, refused_anew_count=refused)

    assert is_undone(reconciler, second)
    restored = Deployment.objects.get(rollback_from=second)
    assert "were refused that the version before takes" in restored.reason


def test_what_neither_version_takes_may_begin_at_a_flip(reconciler, baking):
    _first, second = two(reconciler, requests=500)
    second.refresh_from_db()
    with_other_inputs(second, "onnx_onnxv1")
    traffic(second, 200, client_error_count=200)

    assert not is_undone(reconciler, second)


def test_slower_than_the_rule_and_than_before_is_undone(reconciler, baking):
    EnvironmentRule.objects.update(max_p95_ms=50.0)
    _first, second = two(reconciler, requests=500)
    traffic(second, 200, histogram={"40": 170, "90": 30})

    assert is_undone(reconciler, second)


def test_much_slower_than_before_is_undone_without_a_rule(reconciler, baking):
    _first, second = two(reconciler, requests=500)
    traffic(second, 200, histogram={"40": 170, "100": 30})

    assert is_undone(reconciler, second)


def test_what_the_machine_made_wait_undoes_nothing(reconciler, baking):
    _first, second = two(reconciler, requests=500)
    slow, shift = {"40": 170, "100": 30}, {"100": -30, "40": 30}
    traffic(second, 200, histogram=slow, correction=shift)

    assert not is_undone(reconciler, second)


def test_what_was_as_slow_before_is_not_undone(reconciler, baking):
    EnvironmentRule.objects.update(max_p95_ms=50.0)
    _first, second = two(reconciler, requests=500, bucket="90")
    traffic(second, 200, bucket="91")

    assert not is_undone(reconciler, second)


def test_what_bakes_is_judged_beside_any_number_of_rows(reconciler, baking):
    _first, second = two(reconciler)
    DeploymentFactory.create_batch(110, active=True)
    for _ in range(2):
        reconciler.once()  # the batches are behind it now
    traffic(second, 100, 10)
    reconciler.clock.now += 1

    reconciler.once()

    assert Deployment.objects.filter(rollback_from=second).exists()
