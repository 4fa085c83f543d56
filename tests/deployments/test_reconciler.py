"""The reconciler against a target that does what its script says."""

import errno
import resource
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from deployments.models import (
    Deployment,
    DeploymentKey,
    EnvironmentRule,
    Lease,
    Slot,
)
from deployments.plan import Plan, Strategy
from deployments.reconciler import Reconciler, reconcile_once
from deployments.reconciler.reconciler import MAX_STARTING
from deployments.reconciler.setbacks import MAX_ATTEMPTS
from deployments.states import Environment, Health, Rollout, Status
from deployments.targets.scripted import ScriptedTarget
from lifecycle.models import RegisteredModel
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
    served,
)

pytestmark = pytest.mark.django_db


class Clock:
    """A monotonic clock that tests turn."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def target():
    return ScriptedTarget()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reconciler(target, clock, tmp_path):
    return made(target, clock, tmp_path)


def made(target, clock, folder):
    targets = dict.fromkeys(Environment.values, target)
    return Reconciler(targets, folder=folder, clock=clock)


def asked(version=None, environment="development", **options):
    version = version or VersionFactory()
    return Deployment.request(version, environment, by=None, **options)


def settle(reconciler, most=30):
    """Pass until nothing moves and nothing is on its way up."""
    for _ in range(most):
        done = reconciler.once()
        if not done.moved and not done.starting:
            return
    raise AssertionError("it does not settle")


def no_space_left(target, route):
    raise OSError(errno.ENOSPC, "No space left on device")


def status_of(deployment):
    deployment.refresh_from_db()
    return deployment.status


def told(deployment):
    return [event.message for event in deployment.events.order_by("sequence")]


def traffic(deployment, requests=100, errors=0, bucket="40"):
    count(
        deployment,
        timezone.now(),
        request_count=requests,
        error_count=errors,
        sum_ms=requests * 2.0,
        histogram={bucket: requests},
    )


def test_a_pending_deployment_is_active_after_three_passes(reconciler, target):
    deployment = asked()

    statuses = []
    for _ in range(3):
        reconciler.once()
        statuses.append(status_of(deployment))

    assert statuses[-1] == "active"
    route = target.routes["development", deployment.slot.model.name]
    assert [entry.deployment_id for entry in route.entries] == [str(deployment.pk)]
    assert route.entries[0].weight == 100


def test_a_pass_without_memory_does_the_same(target):
    deployment = asked()
    targets = dict.fromkeys(Environment.values, target)

    for _ in range(4):
        reconcile_once(targets, "me")

    assert status_of(deployment) == Status.ACTIVE


def test_a_version_without_a_file_fails_readably(reconciler):
    deployment = asked(VersionFactory(has_file=False))

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message.endswith("has no artifact that can be served.")
    path = list(deployment.events.values_list("to_status", flat=True))
    assert path == ["pending", "validating", "failed"]


def test_a_refused_model_fails_and_the_old_one_serves_on(reconciler, target):
    version = VersionFactory()
    old = asked(version)
    settle(reconciler)
    bad = VersionFactory(model=version.model)
    target.script(bad.version, refusal="The file is damaged.")

    new = asked(bad)
    settle(reconciler)

    assert (status_of(new), new.error_message) == ("failed", "The file is damaged.")
    assert new.health == Health.UNHEALTHY
    assert status_of(old) == Status.ACTIVE
    route = target.routes["development", version.model.name]
    assert route.entries[0].deployment_id == str(old.pk)


def test_a_server_that_does_not_come_up_fails(reconciler, target):
    version = VersionFactory()
    target.script(version.version, failure="crashed 5 times in 60 s")
    deployment = asked(version)

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "crashed 5 times in 60 s"
    assert target.list() == []


@pytest.mark.parametrize("slow", ["validation_calls", "starting_calls"])
def test_what_makes_no_progress_fails_at_its_deadline(reconciler, target, clock, slow):
    version = VersionFactory()
    target.script(version.version, **{slow: 10**6})
    deployment = asked(version)
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
    old = asked(version)
    settle(reconciler)
    target.calls.clear()

    new = asked(version)
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
    old = asked(version)
    settle(reconciler)
    with monkeypatch.context() as full:
        full.setattr(ScriptedTarget, "route", no_space_left)
        new = asked(version)
        settle(reconciler)
    while_full = target.list()

    settle(reconciler)

    assert while_full == [str(old.pk), str(new.pk)]
    assert target.list() == [str(new.pk)]


def test_the_newest_pending_one_starts_and_the_others_are_superseded(reconciler):
    version = VersionFactory()
    waiting = [asked(version, plan=Plan(instances=n)) for n in (1, 2, 3)]

    settle(reconciler)

    assert [status_of(one) for one in waiting] == ["failed", "failed", "active"]
    assert waiting[0].error_message == "superseded before it started, by revision 2"


def test_a_second_one_waits_while_another_comes_up(reconciler, target):
    version = VersionFactory()
    target.script(version.version, validation_calls=3)
    first = asked(version)
    reconciler.once()
    second = asked(version, plan=Plan(instances=2))
    reconciler.once()
    waited = status_of(second)

    settle(reconciler)

    assert waited == Status.PENDING
    assert (status_of(first), status_of(second)) == ("terminated", "active")


def test_an_approval_that_is_gone_stops_what_is_on_its_way(reconciler, target, person):
    version = VersionFactory()
    version.approve(by=person("approver"))
    target.script(version.version, validation_calls=1)
    deployment = asked(version, "production")
    reconciler.once()
    type(version).objects.update(approved_at=None, approved_by=None)

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED
    assert "needs an approval" in deployment.error_message


def test_a_rule_that_becomes_stricter_while_pending_fails_it(reconciler):
    deployment = asked()
    EnvironmentRule.objects.filter(pk="development").update(needs_approval=True)

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED


def test_a_cancelled_one_is_stopped(reconciler, target):
    version = VersionFactory()
    target.script(version.version, starting_calls=10**6)
    deployment = asked(version)
    for _ in range(3):
        reconciler.once()
    deployment.refresh_from_db()

    deployment.cancel(by=None)
    reconciler.once()

    assert target.list() == []


def test_a_terminated_one_loses_route_and_processes(reconciler, target):
    deployment = asked()
    settle(reconciler)
    deployment.refresh_from_db()

    deployment.terminate(by=None)
    reconciler.once()

    assert target.routes == {}
    assert target.list() == []


def test_what_vanished_is_brought_up_again(reconciler, target):
    deployment = asked()
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
    deployment = asked()
    key, _plain = DeploymentKey.issue(deployment.slot, "shop", by=None)
    revoked, _ = DeploymentKey.issue(deployment.slot, "old", by=None)
    revoked.revoke(by=None)

    settle(reconciler)

    route = target.routes["development", deployment.slot.model.name]
    assert route.key_digests == {key.digest}


def test_trouble_is_met_with_patience_and_three_attempts(reconciler, target):
    deployment = asked()
    reconciler.once()
    target.trouble = "connection refused"
    for _ in range(MAX_ATTEMPTS + 1):
        reconciler.once()

    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "Given up after 3 attempts: connection refused"


def test_trouble_that_goes_by_costs_nothing(reconciler, target):
    deployment = asked()
    reconciler.once()
    target.trouble = "connection refused"
    reconciler.once()
    target.trouble = ""

    settle(reconciler)

    assert status_of(deployment) == Status.ACTIVE


def test_trouble_does_not_end_what_serves(reconciler, target):
    deployment = asked()
    settle(reconciler)
    target.trouble = "connection refused"

    for _ in range(10):
        reconciler.once()

    assert status_of(deployment) == Status.ACTIVE
    assert told(deployment)[-1] == "connection refused"
    assert told(deployment).count("connection refused") == 1


def test_an_error_nobody_foresaw_ends_one_deployment_and_holds_up_no_other(
    reconciler, target
):
    broken, sound = asked(), asked()
    target.script(broken.model_version.version, defect="a bug")

    settle(reconciler)
    for _ in range(MAX_ATTEMPTS + 1):
        reconciler.once()

    assert status_of(sound) == Status.ACTIVE
    assert status_of(broken) == Status.FAILED
    assert "internal error: RuntimeError('a bug')" in broken.error_message


def test_each_new_reconciler_costs_an_attempt_and_the_fourth_gives_up(
    target, clock, tmp_path
):
    version = VersionFactory()
    target.script(version.version, validation_calls=10**6)
    deployment = asked(version)

    for _ in range(MAX_ATTEMPTS + 1):
        one = made(target, clock, tmp_path)
        one.once()
        one.release()

    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "It was given up after 3 attempts."


# Lease ------------------------------------------------------------------------------


def test_a_second_reconciler_stands_by(target, clock, tmp_path):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    asked()

    led = first.once().is_leader
    stood_by = second.once()

    assert led
    assert not stood_by.is_leader
    assert stood_by.moved == 0


def test_a_lease_that_ran_out_is_taken_over_and_the_late_one_writes_nothing(
    target, clock, tmp_path
):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    first.once()
    paused = first.lease
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second.once()
    deployment = asked()

    woken = first._pass
    with pytest.raises(Exception, match="reconciler"):
        woken(paused)

    assert second.lease.fence == paused.fence + 1
    assert status_of(deployment) == Status.PENDING


def test_who_lost_the_lease_lets_go_of_what_it_runs(target, clock, tmp_path):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    first.once()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second.once()

    done = first.once()

    assert not done.is_leader
    assert target.closed


def test_a_released_lease_can_be_had_at_once(target, clock, tmp_path):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    first.once()

    first.release()

    assert second.once().is_leader


# Health -----------------------------------------------------------------------------


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


# Bake -------------------------------------------------------------------------------


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


# Rollouts ---------------------------------------------------------------------------


def canary_of(reconciler, kind=Rollout.CANARY, steps=(10, 50)):
    version = VersionFactory()
    active = asked(version)
    settle(reconciler)
    strategy = Strategy(kind, steps, 60)
    canary = asked(VersionFactory(model=version.model), plan=Plan(strategy=strategy))
    for _ in range(4):
        reconciler.once()
    return active, canary


def weights(target, deployment):
    route = target.routes["development", deployment.slot.model.name]
    return {entry.deployment_id: entry.weight for entry in route.entries}


def step_is_over(canary):
    Deployment.objects.filter(pk=canary.pk).update(
        rollout_at=timezone.now() - timedelta(seconds=61)
    )


def test_a_canary_goes_through_its_steps_to_active(reconciler, target):
    active, canary = canary_of(reconciler)
    seen = [weights(target, canary)]
    for _ in range(2):
        step_is_over(canary)
        reconciler.once()
        seen.append(weights(target, canary))

    assert seen == [
        {str(active.pk): 90, str(canary.pk): 10},
        {str(active.pk): 50, str(canary.pk): 50},
        {str(canary.pk): 100},
    ]
    assert (status_of(active), status_of(canary)) == ("terminated", "active")


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
    canary.pause(by=None)
    step_is_over(canary)
    reconciler.once()
    held = weights(target, canary)[str(canary.pk)]

    canary.refresh_from_db()
    canary.promote(by=None)
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
    shadow.promote(by=None)
    reconciler.once()

    assert entries[str(active.pk)].weight == 100
    assert not entries[str(active.pk)].is_shadow
    assert entries[str(shadow.pk)].is_shadow
    assert status_of(shadow) == Status.ACTIVE


def test_a_canary_beside_nothing_goes_all_at_once(reconciler):
    strategy = Strategy(Rollout.CANARY, (10,), 60)
    deployment = asked(plan=Plan(strategy=strategy))

    settle(reconciler)

    assert status_of(deployment) == Status.ACTIVE


# Many -------------------------------------------------------------------------------


def test_the_oldest_start_first_and_nobody_starves(reconciler):
    deployments = [asked() for _ in range(40)]

    reconciler.once()
    begun = [status_of(one) != Status.PENDING for one in deployments]
    settle(reconciler)

    assert begun == [True] * 32 + [False] * 8
    assert {status_of(one) for one in deployments} == {"active"}


def test_shadows_and_paused_canaries_keep_nobody_waiting(reconciler):
    version = VersionFactory()
    for _ in range(40):
        model = VersionFactory().model
        DeploymentFactory(model_version=VersionFactory(model=model), active=True)
        DeploymentFactory(
            model_version=VersionFactory(model=model),
            status="deploying",
            strategy={"type": "shadow"},
            rollout_at=timezone.now(),
        )
    deployment = asked(version)

    for _ in range(4):
        reconciler.once()

    assert status_of(deployment) == Status.ACTIVE


@pytest.mark.slow
def test_ten_thousand_open_deployments_are_worked_off_in_order(reconciler):
    _many(VersionFactory(), 10_000)
    reconciler.once()
    before = _memory_mb()
    passes = 0
    while Deployment.objects.serving().count() < 500:
        reconciler.once()
        passes += 1

    assert passes <= 500 / MAX_STARTING * 3 + 3
    assert _memory_mb() - before < 100
    waiting = Deployment.objects.filter(status=Status.PENDING).order_by("created_at")
    served = Deployment.objects.serving().order_by("created_at")
    assert served.first().slot.model.name == "many-0"
    assert served.last().created_at < waiting.first().created_at


def _memory_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _many(version, count):
    models = RegisteredModel.objects.bulk_create(
        [RegisteredModel(name=f"many-{number}") for number in range(count)]
    )
    slots = Slot.objects.bulk_create(
        [Slot(model=model, environment="development") for model in models]
    )
    rows = Deployment.objects.bulk_create(
        [
            Deployment(
                slot=slot,
                revision=1,
                model_version=version,
                artifact=version.artifact,
                artifact_sha256=version.artifact.sha256,
            )
            for slot in slots
        ],
        batch_size=500,
    )
    start = timezone.now() - timedelta(seconds=count)
    for number, row in enumerate(rows):
        row.created_at = start + timedelta(seconds=number)
    Deployment.objects.bulk_update(rows, ["created_at"], batch_size=500)


def test_a_served_version_can_be_served_again_by_the_helper():
    assert served(VersionFactory()).status == Status.ACTIVE


def test_a_rule_says_which_share_of_requests_is_kept(reconciler, target):
    settle_with(reconciler, asked())
    before = [route.sample_rate for route in target.routes.values()]

    EnvironmentRule.objects.filter(pk="development").update(sample_rate=0.5)
    reconciler.once()

    assert before == [0.0]
    assert [route.sample_rate for route in target.routes.values()] == [0.5]


def test_what_validation_found_out_is_kept_as_the_signature(reconciler):
    deployment = asked()

    settle_with(reconciler, deployment)

    tensor = {"name": "input", "datatype": "FP32", "shape": [-1, 1]}
    assert deployment.signature == {
        "inputs": [tensor],
        "outputs": [tensor],
        "feature_names": [],
    }


def settle_with(reconciler, deployment):
    settle(reconciler)
    assert status_of(deployment) == Status.ACTIVE
