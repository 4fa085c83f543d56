"""Canaries and shadows."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments.models import (
    Deployment,
    EnvironmentRule,
    Lease,
)
from deployments.plan import DeploymentPlan, Strategy
from deployments.states import Rollout, Status
from tests.deployments.factories import VersionFactory
from tests.deployments.reconciler.acting import (
    made,
    requested,
    settle,
    status_of,
    traffic,
)

pytestmark = pytest.mark.django_db


def canary_of(reconciler, kind=Rollout.CANARY, steps=(10, 50)):
    version = VersionFactory()
    active = requested(version)
    settle(reconciler)
    strategy = Strategy(kind, steps, 60)
    canary = requested(
        VersionFactory(model=version.model), plan=DeploymentPlan(strategy=strategy)
    )
    for _ in range(4):
        reconciler.once()
    return active, canary


def weights(target, deployment):
    route = target.routes["development", deployment.slot.model.name]
    return {entry.deployment_id: entry.weight for entry in route.entries}


def reads_windows_of(deployment, sql):
    """Say whether a query sums the calls of this deployment alone."""
    one = f"= '{deployment.pk.hex}'"
    return "trafficwindow" in sql and one in sql.replace("-", "")


def step_is_over(canary):
    Deployment.objects.filter(pk=canary.pk).update(
        rollout_at=timezone.now() - timedelta(seconds=61)
    )


@pytest.mark.parametrize("kind", [Rollout.CANARY, Rollout.SHADOW])
def test_what_rolls_out_says_how_it_does(api, reconciler, target, kind):
    _, canary = canary_of(reconciler, kind, (10,) if kind == Rollout.CANARY else ())
    reconciler.once()

    def shown():
        url = f"/api/v1/ml/lifecycle/deployments/{canary.pk}"
        found = api("viewer").get(url).json()
        columns = ("health_status", "health_reason", "ready_instances")
        return [found[name] for name in columns]

    well = shown()
    target.crash(str(canary.pk), "killed by SIGKILL")
    reconciler.once()

    assert well == ["healthy", "", 1]
    assert shown() == ["degraded", "killed by SIGKILL", 0]


def test_a_canary_goes_through_its_steps_to_active(reconciler, target):
    active, canary = canary_of(reconciler, steps=(10, 30, 60))
    seen = [weights(target, canary)]
    for _ in range(3):
        step_is_over(canary)
        reconciler.once()
        seen.append(weights(target, canary))

    assert seen == [
        {str(active.pk): 90, str(canary.pk): 10},
        {str(active.pk): 70, str(canary.pk): 30},
        {str(active.pk): 40, str(canary.pk): 60},
        {str(canary.pk): 100},
    ]
    assert (status_of(active), status_of(canary)) == ("terminated", "active")


@pytest.mark.parametrize(
    ("is_over", "status"), [(False, "deploying"), (True, "active")]
)
def test_a_pass_judges_a_rollout_once(reconciler, target, is_over, status):
    active, canary = canary_of(reconciler, steps=(10,))
    for one in (active, canary):
        traffic(one, 100)
    if is_over:
        step_is_over(canary)
    target.calls.clear()
    reconciler.clock.now += 1

    with CaptureQueriesContext(connection) as asked_for:
        reconciler.once()

    compared = [one for one in asked_for if reads_windows_of(active, one["sql"])]
    assert status_of(canary) == status
    assert target.calls.count(("observe", str(canary.pk))) == 1
    assert len(compared) == 1


def test_what_the_judge_looked_at_is_looked_at_again_in_the_next_pass(
    reconciler, target
):
    _, canary = canary_of(reconciler)
    reconciler.clock.now += 1
    target.calls.clear()
    for _ in range(3):
        reconciler.once()

    assert target.calls.count(("observe", str(canary.pk))) == 3


def test_a_bad_canary_is_stopped_and_the_active_one_has_all(reconciler, target):
    active, canary = canary_of(reconciler)
    EnvironmentRule.objects.update(max_error_rate=0.05)
    traffic(canary, 50, 10)

    reconciler.once()

    assert status_of(canary) == Status.FAILED
    assert canary.error_message.startswith("The rollout was stopped: 20.0% of 50")
    assert weights(target, active) == {str(active.pk): 100}


def test_a_canary_that_crashes_is_stopped(reconciler, target, clock):
    active, canary = canary_of(reconciler)
    target.crash(str(canary.pk), "killed by SIGKILL")
    reconciler.once()
    clock.now += 6
    reconciler.once()

    assert status_of(canary) == Status.FAILED
    assert weights(target, active) == {str(active.pk): 100}


def test_a_paused_canary_stays_and_a_promoted_one_is_active(reconciler, target):
    _active, canary = canary_of(reconciler)
    canary.refresh_from_db()
    canary.rollout.pause(by=None)
    step_is_over(canary)
    reconciler.once()
    held = weights(target, canary)[str(canary.pk)]

    canary.refresh_from_db()
    canary.rollout.promote(by=None)
    reconciler.once()

    assert held == 10
    assert status_of(canary) == Status.ACTIVE


def test_a_canary_survives_any_number_of_reconcilers(target, clock, tmp_path):
    _active, canary = canary_of(made(target, clock, tmp_path))
    Lease.objects.update(holder="")
    for _ in range(6):
        one = made(target, clock, tmp_path)
        one.once()
        one.release()

    assert status_of(canary) == Status.DEPLOYING


def test_a_shadow_is_mirrored_until_it_is_promoted(reconciler, target):
    active, shadow = canary_of(reconciler, Rollout.SHADOW, ())
    step_is_over(shadow)
    reconciler.once()
    route = target.routes["development", active.slot.model.name]
    entries = {entry.deployment_id: entry for entry in route.entries}

    shadow.refresh_from_db()
    shadow.rollout.promote(by=None)
    reconciler.once()

    assert entries[str(active.pk)].weight == 100
    assert not entries[str(active.pk)].is_shadow
    assert entries[str(shadow.pk)].is_shadow
    assert status_of(shadow) == Status.ACTIVE


@pytest.mark.parametrize(("kind", "steps"), [("canary", (10,)), ("shadow", ())])
def test_a_rollout_beside_nothing_goes_all_at_once_and_says_so(reconciler, kind, steps):
    strategy = Strategy(Rollout(kind), steps, 60)
    deployment = requested(plan=DeploymentPlan(strategy=strategy))

    settle(reconciler)

    assert status_of(deployment) == Status.ACTIVE
    said = deployment.events.get(to_status="active", from_status="deploying").message
    assert said == f"nothing served before it, so it gets all requests: no {kind}"
