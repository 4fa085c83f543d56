"""What is new and in trouble goes back by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import (
    Deployment,
    EnvironmentRule,
)
from deployments.states import Health, Status
from tests.deployments.factories import VersionFactory
from tests.deployments.reconciler.acting import asked, settle, status_of, told, traffic

pytestmark = pytest.mark.django_db


@pytest.fixture
def baking():
    EnvironmentRule.objects.filter(pk="development").update(
        rolls_back_by_itself=True, max_error_rate=0.05
    )


def two(reconciler):
    version = VersionFactory()
    first = asked(version)
    settle(reconciler)
    second = asked(VersionFactory(model=version.model))
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
        deployed_at=timezone.now() - timedelta(seconds=61)
    )
    traffic(second, 100, 90)

    settle(reconciler)

    assert status_of(second) == Status.ACTIVE
    assert second.health == Health.UNHEALTHY


def test_where_the_rule_is_off_nothing_is_sent_back(reconciler):
    _first, second = two(reconciler)
    traffic(second, 100, 90)

    settle(reconciler)

    assert status_of(second) == Status.ACTIVE


def test_without_a_past_a_bad_one_serves_on_and_says_so_once(reconciler, baking):
    deployment = asked()
    settle(reconciler)
    traffic(deployment, 100, 90)

    for _ in range(5):
        reconciler.once()

    assert status_of(deployment) == Status.ACTIVE
    said = [line for line in told(deployment) if line.startswith("would be rolled")]
    assert len(said) == 1
