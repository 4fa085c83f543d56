"""Health follows what runs and what was counted."""

import pytest

from deployments.models import (
    EnvironmentRule,
)
from deployments.states import Health
from tests.deployments.reconciler.acting import (
    asked,
    settle,
    told,
    traffic,
)

pytestmark = pytest.mark.django_db


def test_health_follows_what_runs(reconciler, target, clock):
    deployment = asked()
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
    assert "unhealthy now" in told(deployment)


@pytest.mark.parametrize(
    ("requests", "errors", "health"),
    [
        (19, 19, Health.HEALTHY),
        (100, 5, Health.HEALTHY),
        (100, 6, Health.DEGRADED),
        (100, 50, Health.UNHEALTHY),
    ],
)
def test_health_follows_the_error_rate_over_enough_requests(
    reconciler, requests, errors, health
):
    deployment = asked(environment="staging")
    settle(reconciler)
    traffic(deployment, requests, errors)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == health


def test_why_an_instance_was_restarted_is_told_once(reconciler, target):
    deployment = asked()
    settle(reconciler)

    target.crash(str(deployment.pk), "The model server was killed by SIGSEGV.")
    for _ in range(3):
        reconciler.once()

    assert told(deployment).count("The model server was killed by SIGSEGV.") == 1


def test_a_slow_p95_degrades_where_a_limit_is_set(reconciler):
    EnvironmentRule.objects.filter(pk="staging").update(max_p95_ms=1.0)
    deployment = asked(environment="staging")
    settle(reconciler)
    traffic(deployment, 100, bucket="60")

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == Health.DEGRADED
