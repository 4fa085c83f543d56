"""From pending to active, and out of service again, step by step."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import (
    DeploymentKey,
    EnvironmentRule,
)
from deployments.plan import DeploymentPlan
from deployments.reconciler import reconcile_once
from deployments.serving.terms import CallLimits, LimitedKey
from deployments.states import Environment, Health, Status
from deployments.targets.scripted import ScriptedTarget
from tests.deployments.factories import DeploymentFactory, VersionFactory
from tests.deployments.reconciler.acting import (
    no_space_left,
    requested,
    settle,
    settle_with,
    status_of,
)

pytestmark = pytest.mark.django_db


def test_a_pending_deployment_is_active_after_three_passes(reconciler, target):
    deployment = requested()

    statuses = []
    for _ in range(3):
        reconciler.once()
        statuses.append(status_of(deployment))

    assert statuses[-1] == "active"
    route = target.routes["development", deployment.slot.model.name]
    assert [entry.deployment_id for entry in route.entries] == [str(deployment.pk)]
    assert route.entries[0].weight == 100


def test_a_pass_without_memory_does_the_same(target):
    deployment = requested()
    targets = dict.fromkeys(Environment.values, target)

    for _ in range(4):
        reconcile_once(targets, "me")

    assert status_of(deployment) == Status.ACTIVE


def test_a_version_without_a_file_fails_readably(reconciler):
    deployment = requested(VersionFactory(content=None))

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message.endswith("has no artifact that can be served.")
    path = list(deployment.events.values_list("to_status", flat=True))
    assert path == ["pending", "validating", "failed"]


def test_the_event_of_validating_names_the_walls_that_are_missing(reconciler, target):
    target.missing_walls = ("no Landlock here", "no filter here")
    deployment = requested()

    settle(reconciler)

    event = deployment.events.get(to_status="validating")
    assert event.message == "no Landlock here; no filter here"


def test_a_refused_model_fails_and_the_old_one_serves_on(reconciler, target):
    version = VersionFactory()
    old = requested(version)
    settle(reconciler)
    bad = VersionFactory(model=version.model)
    target.script(bad.version, refusal="The file is damaged.")

    new = requested(bad)
    settle(reconciler)

    assert (status_of(new), new.error_message) == ("failed", "The file is damaged.")
    assert new.health == Health.UNHEALTHY
    assert status_of(old) == Status.ACTIVE
    route = target.routes["development", version.model.name]
    assert route.entries[0].deployment_id == str(old.pk)


def test_a_server_that_does_not_come_up_fails(reconciler, target):
    version = VersionFactory()
    target.script(version.version, failure="crashed 5 times in 60 s")
    deployment = requested(version)

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "crashed 5 times in 60 s"
    assert target.list() == []


@pytest.mark.parametrize("slow", ["validation_calls", "starting_calls"])
def test_what_makes_no_progress_fails_at_its_deadline(reconciler, target, clock, slow):
    version = VersionFactory()
    target.script(version.version, **{slow: 10**6})
    deployment = requested(version)
    for _ in range(5):
        reconciler.once()
    waited = status_of(deployment)

    clock.now += 301
    reconciler.once()

    assert waited in {"validating", "deploying"}
    assert status_of(deployment) == Status.FAILED
    assert "within 300 s" in deployment.error_message


def test_a_successor_is_routed_to_before_the_old_one_is_stopped(reconciler, target):
    version = VersionFactory()
    old = requested(version)
    settle(reconciler)
    target.calls.clear()

    new = requested(version)
    settle(reconciler)

    assert status_of(old) == Status.TERMINATED
    slot = f"development/{version.model.name}"
    assert target.calls.index(("route", slot)) < target.calls.index(
        ("stop", str(old.pk))
    )
    assert target.list() == [str(new.pk)]


def test_nothing_is_stopped_while_its_route_cannot_be_changed(
    reconciler, target, monkeypatch
):
    version = VersionFactory()
    old = requested(version)
    settle(reconciler)
    with monkeypatch.context() as full:
        full.setattr(ScriptedTarget, "route", no_space_left)
        new = requested(version)
        for _ in range(5):
            reconciler.once()
    while_full = target.list()
    statuses = status_of(old), status_of(new)

    settle(reconciler)

    assert while_full == [str(old.pk), str(new.pk)]
    assert statuses == ("active", "deploying"), "no word without its effect"
    assert target.list() == [str(new.pk)]


def test_the_newest_pending_one_starts_and_the_others_are_superseded(reconciler):
    version = VersionFactory()
    waiting = [requested(version, plan=DeploymentPlan(instances=n)) for n in (1, 2, 3)]

    settle(reconciler)

    assert [status_of(one) for one in waiting] == ["failed", "failed", "active"]
    assert waiting[0].error_message == "superseded before it started, by revision 2"


def test_a_second_one_waits_while_another_comes_up(reconciler, target):
    version = VersionFactory()
    target.script(version.version, validation_calls=3)
    first = requested(version)
    reconciler.once()
    second = requested(version, plan=DeploymentPlan(instances=2))
    reconciler.once()
    waited = status_of(second)

    settle(reconciler)

    assert waited == Status.PENDING
    assert (status_of(first), status_of(second)) == ("terminated", "active")


def test_an_approval_that_is_gone_stops_what_is_on_its_way(reconciler, target, person):
    version = VersionFactory()
    version.approve(by=person("approver"))
    target.script(version.version, validation_calls=1)
    deployment = requested(version, "production")
    reconciler.once()
    type(version).objects.update(approved_at=None, approved_by=None)

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED
    assert "needs an approval" in deployment.error_message


def test_a_rule_that_becomes_stricter_while_pending_fails_it(reconciler):
    deployment = requested()
    EnvironmentRule.objects.filter(pk="development").update(needs_approval=True)

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED


def test_a_cancelled_one_is_stopped(reconciler, target):
    version = VersionFactory()
    target.script(version.version, starting_calls=10**6)
    deployment = requested(version)
    for _ in range(3):
        reconciler.once()
    deployment.refresh_from_db()

    deployment.cancel(by=None)
    reconciler.once()

    assert target.list() == []


def test_a_terminated_one_loses_route_and_processes(reconciler, target):
    deployment = requested()
    settle(reconciler)
    deployment.refresh_from_db()

    deployment.terminate(by=None)
    reconciler.once()

    assert target.routes == {}
    assert target.list() == []


def test_what_vanished_is_brought_up_again(reconciler, target):
    deployment = requested()
    settle(reconciler)

    target.vanish(str(deployment.pk))
    settle(reconciler)

    assert target.list() == [str(deployment.pk)]
    assert status_of(deployment) == Status.ACTIVE


def test_an_orphan_is_stopped(reconciler, target):
    stranger = DeploymentFactory(status="failed")
    target._running.update({str(stranger.pk): None, "no id at all": None})

    reconciler.once()

    assert target.list() == []


def test_a_route_that_an_earlier_one_left_is_closed(target, reconciler):
    gone = DeploymentFactory(status="terminated")
    target.routes["development", gone.slot.model.name] = "stale"

    reconciler.once()

    assert target.routes == {}


def test_keys_travel_in_the_route(reconciler, target):
    deployment = requested()
    key, _plain = DeploymentKey.issue(deployment.slot, "shop", by=None)
    revoked, _ = DeploymentKey.issue(deployment.slot, "old", by=None)
    revoked.revoke(by=None)

    settle(reconciler)

    route = target.routes["development", deployment.slot.model.name]
    assert route.key_digests == {key.digest}


def test_limits_of_keys_and_deployments_travel_in_the_route(reconciler, target):
    plan = DeploymentPlan(timeout_s=60, max_concurrency=5, max_body_bytes=1 << 20)
    deployment = requested(plan=plan)
    until = timezone.now() + timedelta(hours=1)
    limited, _ = DeploymentKey.issue(
        deployment.slot, "shop", by=None, expires_at=until, daily_quota=9
    )
    free, _ = DeploymentKey.issue(deployment.slot, "own", by=None)

    settle(reconciler)

    route = target.routes["development", deployment.slot.model.name]
    assert route.key_digests == {limited.digest, free.digest}
    assert route.limited_keys == (
        LimitedKey(limited.digest, until.timestamp(), None, 9),
    )
    assert route.entries[0].limits == CallLimits(60, 5, 1 << 20)


def test_a_trial_key_travels_with_its_deployment(reconciler, target):
    deployment = requested()
    settle(reconciler)
    deployment.refresh_from_db()
    key, _ = DeploymentKey.issue_trial(deployment, by=None)

    settle(reconciler)

    (limited,) = target.routes["development", deployment.slot.model.name].limited_keys
    assert (limited.digest, limited.deployment_id) == (key.digest, str(deployment.pk))
    assert limited.expires_at == key.expires_at.timestamp()


def test_an_expired_key_leaves_the_route(reconciler, target):
    deployment = requested()
    until = timezone.now() + timedelta(hours=1)
    key, _ = DeploymentKey.issue(deployment.slot, "shop", by=None, expires_at=until)
    settle(reconciler)

    DeploymentKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    settle(reconciler)

    route = target.routes["development", deployment.slot.model.name]
    assert route.key_digests == frozenset()


def test_a_rule_says_which_share_of_requests_is_kept(reconciler, target):
    settle_with(reconciler, requested())
    before = [route.sample_rate for route in target.routes.values()]

    EnvironmentRule.objects.filter(pk="development").update(sample_rate=0.5)
    reconciler.once()

    assert before == [0.0]
    assert [route.sample_rate for route in target.routes.values()] == [0.5]


def test_what_validation_found_out_is_kept_as_the_signature(reconciler):
    deployment = requested()

    settle_with(reconciler, deployment)

    tensor = {"name": "input", "datatype": "FP32", "shape": [-1, 1]}
    assert deployment.signature == {
        "platform": "scripted",
        "inputs": [tensor],
        "outputs": [tensor],
        "feature_names": [],
        "manifest": None,
        "notes": [],
    }
