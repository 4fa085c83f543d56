"""Health follows what runs and what was counted."""

import pytest

from deployments.models import (
    EnvironmentRule,
)
from deployments.states import Health, Status
from tests.deployments.reconciler.acting import (
    messages_of,
    requested,
    settle,
    status_of,
    traffic,
)

pytestmark = pytest.mark.django_db


def test_health_follows_what_runs(reconciler, target, clock):
    deployment = requested()
    before = deployment.health
    settle(reconciler)
    reconciler.once()
    deployment.refresh_from_db()
    healthy = (deployment.health, deployment.ready_instances)

    target.crash(str(deployment.pk))
    reconciler.once()
    deployment.refresh_from_db()
    degraded = deployment.health
    clock.now += 6
    reconciler.once()
    deployment.refresh_from_db()
    unhealthy = deployment.health
    target.recover(str(deployment.pk))
    clock.now += 400
    reconciler.once()
    reconciler.once()
    deployment.refresh_from_db()

    assert (before, healthy) == (Health.DEGRADED, (Health.HEALTHY, 1))
    assert (degraded, unhealthy) == (Health.DEGRADED, Health.UNHEALTHY)
    assert "unhealthy now: killed by SIGKILL" in messages_of(deployment)


def test_what_becomes_active_says_how_it_does_in_the_same_word(reconciler):
    deployment = requested()
    while status_of(deployment) != Status.ACTIVE:
        reconciler.once()

    assert (deployment.health, deployment.ready_instances) == (Health.HEALTHY, 1)


@pytest.mark.parametrize(
    ("requests", "errors", "health"),
    [
        (19, 18, Health.DEGRADED),
        (19, 10, Health.DEGRADED),
        (18, 9, Health.HEALTHY),
        (3, 3, Health.DEGRADED),
        (100, 5, Health.HEALTHY),
        (100, 6, Health.DEGRADED),
        (100, 50, Health.UNHEALTHY),
    ],
)
def test_health_follows_the_error_rate_over_enough_requests(
    reconciler, requests, errors, health
):
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, requests, errors)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == health


def test_why_an_instance_was_restarted_is_told_once(reconciler, target):
    deployment = requested()
    settle(reconciler)

    target.crash(str(deployment.pk), "The model server was killed by SIGSEGV.")
    for _ in range(3):
        reconciler.once()

    assert messages_of(deployment).count("The model server was killed by SIGSEGV.") == 1


def test_a_slow_p95_degrades_where_a_limit_is_set(reconciler):
    EnvironmentRule.objects.filter(pk="staging").update(max_p95_ms=1.0)
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, 100, bucket="60")

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == Health.DEGRADED


@pytest.mark.parametrize(
    ("counts", "health", "reason"),
    [
        ({"unavailable_count": 10}, "degraded", "10.0% of 100 requests found no"),
        ({"unavailable_count": 60}, "unhealthy", "60.0% of 100 requests found no"),
        ({"non_finite_count": 10}, "degraded", "10.0% of 100 requests were answered"),
        ({"non_finite_count": 100}, "unhealthy", "100.0% of 100 requests were"),
        ({"client_error_count": 100}, "healthy", ""),
        ({"rejected_count": 100}, "healthy", ""),
        (
            {"rejected_count": 70, "errors": 30},
            "unhealthy",
            "100.0% of 30 requests that were let in failed",
        ),
        (
            {"rejected_count": 90, "errors": 10},
            "degraded",
            "all of 10 requests came to nothing",
        ),
    ],
)
def test_health_looks_at_all_that_a_version_can_do(reconciler, counts, health, reason):
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, **counts)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == health
    assert deployment.health_reason.startswith(reason)
    assert bool(reason) == bool(deployment.health_reason)


def test_where_one_request_is_enough_none_is_no_failure(reconciler):
    EnvironmentRule.objects.filter(pk="staging").update(min_requests=0)
    deployment = requested(environment="staging")
    settle(reconciler)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == Health.HEALTHY


@pytest.mark.parametrize("count", [30, 100])
def test_where_nan_is_an_ordinary_answer_it_degrades_nothing(reconciler, count):
    EnvironmentRule.objects.filter(pk="staging").update(max_non_finite_rate=None)
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, non_finite_count=count)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == Health.HEALTHY


def test_a_row_says_when_it_was_looked_at(reconciler, clock):
    deployment = requested()
    settle(reconciler)
    reconciler.once()
    deployment.refresh_from_db()
    first = deployment.judged_at
    reconciler.once()
    deployment.refresh_from_db()
    at_once = deployment.judged_at
    clock.now += 5

    reconciler.once()

    deployment.refresh_from_db()
    assert first is not None
    assert at_once == first
    assert deployment.judged_at > first
