"""What one pass does around its steps: housekeeping, routes, and the lease."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Deployment, EnvironmentRule, Lease, TrafficWindow
from deployments.plan import DeploymentPlan, Strategy
from deployments.reconciler import reconciler as passes
from deployments.reconciler.health import GRACE_S, RunCondition
from deployments.reconciler.reconciler import FORGET_S, PRUNE_S, REST_S, SOON_S
from deployments.reconciler.routes import Routing
from deployments.serving.terms import Phase, TargetObservation
from deployments.states import Environment, Rollout, Status
from deployments.targets.scripted import ScriptedTarget
from mlops.core.models import ApiToken
from tests.deployments.factories import DeploymentFactory, VersionFactory, count
from tests.deployments.reconciler.acting import (
    made,
    requested,
    settle,
    status_of,
)
from tests.deployments.reconciler.test_rollouts import canary_of, step_is_over

pytestmark = pytest.mark.django_db
COUNTED = (
    *("request_count", "error_count", "client_error_count", "rejected_count"),
    *("sum_ms", "max_ms"),
)


def spool(folder, deployment, requests):
    minute = int(timezone.now().timestamp()) // 60 * 60
    counted = dict.fromkeys(COUNTED, 0) | {"request_count": requests, "histogram": {}}
    content = {
        "gateway": "g",
        "starts_at": minute,
        "seconds": 60,
        "deployments": {str(deployment.pk): counted},
    }
    path = folder / "traffic" / f"g-{minute}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_a_pass_ingests_what_gateways_counted(reconciler, tmp_path):
    deployment = DeploymentFactory(active=True)
    spool(tmp_path, deployment, 7)

    reconciler.once()

    assert TrafficWindow.objects.minutes().get().request_count == 7


def test_what_is_open_stays_in_memory_and_what_ended_does_not(reconciler, clock):
    serving, ended = requested(), requested()
    settle(reconciler)
    reconciler.memory.begin(serving)
    reconciler.memory.begin(ended)
    Deployment.objects.filter(pk=ended.pk).update(status=Status.TERMINATED)

    clock.now += FORGET_S
    reconciler.once()

    assert {key[0] for key in reconciler.memory.begun} >= {serving.pk}
    assert ended.pk not in {key[0] for key in reconciler.memory.begun}


def test_old_minutes_are_pruned_now_and_then_and_not_in_each_pass(reconciler, clock):
    deployment = DeploymentFactory(active=True)
    reconciler.once()
    count(deployment, timezone.now() - timedelta(days=400), request_count=1)

    reconciler.once()
    before = TrafficWindow.objects.minutes().count()
    clock.now += PRUNE_S
    reconciler.once()

    assert (before, TrafficWindow.objects.minutes().count()) == (1, 0)


class Robbed(ScriptedTarget):
    """A target during whose call another reconciler takes the lease."""

    is_robbed = False

    def tick(self):
        if self.is_robbed:
            Lease.objects.update(fence=99)


def test_a_lease_lost_in_the_middle_of_a_pass_stands_down(clock, tmp_path):
    target = Robbed()
    reconciler = made(target, clock, tmp_path)
    reconciler.once()
    deployment = requested()
    target.is_robbed = True

    done = reconciler.once()

    assert not done.is_leader
    assert target.closed
    assert reconciler.lease is None
    assert status_of(deployment) == Status.PENDING


def test_routes_that_are_not_known_to_have_taken_effect_are_stale(
    reconciler, target, monkeypatch
):
    requested()
    settle(reconciler)
    routing = Routing(reconciler.targets, reconciler.memory, {})

    target.error = "not now"
    stale = routing.send()
    late = reconciler.once()
    target.error = ""

    assert stale == set(Environment.values)
    assert late.due_s == SOON_S
    assert routing.send() == set()


class Limited(ScriptedTarget):
    """A target that can do one kind of rollout only."""

    able = {"splits_traffic": True, "mirrors": False}

    def capabilities(self):
        return replace(super().capabilities(), **self.able)


@pytest.mark.parametrize("splits", [True, False])
@pytest.mark.parametrize("kind", [Rollout.CANARY, Rollout.SHADOW])
def test_a_rollout_that_the_target_cannot_do_is_refused(clock, tmp_path, kind, splits):
    target = Limited()
    target.able = {"splits_traffic": splits, "mirrors": not splits}
    reconciler = made(target, clock, tmp_path)
    version = VersionFactory()
    requested(version)
    settle(reconciler)
    steps = (10,) if kind == Rollout.CANARY else ()
    plan = DeploymentPlan(strategy=Strategy(kind, steps, 60))

    new = requested(VersionFactory(model=version.model), plan=plan)
    for _ in range(4):
        reconciler.once()

    is_able = splits if kind == Rollout.CANARY else not splits
    assert status_of(new) == (Status.DEPLOYING if is_able else Status.FAILED)
    assert is_able or new.error_message == f"Where this would run, there is no {kind}."


@pytest.mark.parametrize(
    ("phase", "seconds", "is_down"),
    [
        (Phase.STARTING, GRACE_S, False),
        (Phase.STARTING, GRACE_S + 0.1, True),
        (Phase.FAILED, 0.0, True),
    ],
)
def test_what_was_not_ready_for_longer_than_its_grace_is_down(phase, seconds, is_down):
    runs = RunCondition(TargetObservation(phase), seconds, has_restarted=False)

    assert runs.is_down is is_down


# What a pass says of itself -----------------------------------------------------------


def test_a_pass_counts_its_steps_and_what_still_starts(reconciler, target):
    slow = requested()
    target.script(slow.model_version.version, starting_calls=1)
    requested()

    passes = [reconciler.once() for _ in range(4)]

    # Each is taken up and validated in the first, one is active after the second.
    assert [done.moved for done in passes] == [4, 1, 1, 0]
    assert [done.starting for done in passes] == [2, 1, 0, 0]


def test_a_pass_counts_what_the_judge_moved(reconciler, clock):
    _active, canary = canary_of(reconciler, steps=(10,))
    step_is_over(canary)
    clock.now += 1

    assert reconciler.once().moved == 1


def test_a_pass_counts_what_it_ended(reconciler):
    deployment = requested()
    settle(reconciler)
    deployment.refresh_from_db()
    deployment.terminate(by=None)

    assert reconciler.once().moved == 1


def test_what_is_in_effect_is_said_once_a_pass_and_not_while_it_may_not_be(
    reconciler, target
):
    effects = []
    reconciler.on_effect = lambda: effects.append(len(target.routes))
    requested()
    settle(reconciler)
    passes = len(effects)
    target.error = "the gateway is silent"
    reconciler.once()
    uncertain = len(effects)
    target.error = ""

    reconciler.once()

    assert uncertain == passes
    assert len(effects) == passes + 1


@pytest.fixture
def few_at_once(monkeypatch):
    monkeypatch.setattr(passes, "BATCH", 3)
    monkeypatch.setattr(passes, "MAX_STARTING", 2)


@pytest.mark.usefixtures("few_at_once")
def test_those_that_serve_take_turns(reconciler, target):
    for _ in range(5):
        requested()
        settle(reconciler)
    reconciler.memory.cursors.clear()
    looked_at, due = [], []
    for _ in range(3):
        target.calls.clear()
        due.append(reconciler.once().due_s)
        looked_at.append([pk for verb, pk in target.calls if verb == "observe"])

    order = [str(one.pk) for one in Deployment.objects.order_by("created_at", "pk")]
    assert looked_at == [order[:3], [*order[3:], order[0]], order[1:4]]
    assert due == [SOON_S, REST_S, SOON_S], "soon where a batch was not the last"


@pytest.mark.usefixtures("few_at_once")
def test_no_more_start_than_may_at_the_same_time(reconciler, target):
    waiting = [requested() for _ in range(4)]
    for one in waiting:
        target.script(one.model_version.version, starting_calls=10**6)
    for _ in range(4):
        reconciler.once()

    statuses = [status_of(one) for one in waiting]
    assert statuses == ["deploying", "deploying", "pending", "pending"]


# When the next one is due -------------------------------------------------------------


def test_what_rolls_out_is_looked_at_every_second(reconciler):
    _active, _canary = canary_of(reconciler)
    reconciler.clock.now += 1

    assert reconciler.once().due_s == 1.0


def test_what_bakes_is_looked_at_within_a_second_of_what_was_counted(
    reconciler, tmp_path
):
    EnvironmentRule.objects.update(rolls_back_by_itself=True, bake_s=3600)
    deployment = requested()
    settle(reconciler)
    reconciler.clock.now += 1
    still = reconciler.once().due_s

    spool(tmp_path, deployment, 7)
    called = reconciler.once().due_s  # right after the judge's last look
    reconciler.clock.now += called
    judged = reconciler.once().due_s

    assert (still, called, judged) == (REST_S, 1.0, REST_S)
    assert TrafficWindow.objects.minutes().get().request_count == 7


def test_what_serves_is_looked_at_every_ten_seconds(reconciler):
    assert reconciler.once().due_s == 10.0


def test_what_is_to_end_and_cannot_yet_is_looked_at_soon(reconciler, target):
    deployment = requested()
    settle(reconciler)
    deployment.refresh_from_db()
    deployment.terminate(by=None)
    target.error = "the gateway is silent"

    assert reconciler.once().due_s == SOON_S


def test_when_a_token_expires_is_known_and_waited_for(reconciler, person):
    until = timezone.now() + timedelta(hours=1)
    ApiToken.issue(person("deployer"), "late", expires_at=until)
    calm = reconciler.once().due_s
    known = reconciler.memory.expires_at
    reconciler.memory.expires_at = timezone.now() + timedelta(seconds=9)

    assert (known, calm) == (until, REST_S)
    assert 0 < reconciler.once().due_s <= 9


def test_a_token_that_expires_now_hurries_nobody_more_than_twenty_times_a_second(
    reconciler,
):
    reconciler.once()
    reconciler.memory.expires_at = timezone.now() - timedelta(seconds=1)

    assert reconciler.once().due_s == 0.05


def test_tokens_that_were_not_taken_in_are_published_again(
    reconciler, target, person, monkeypatch
):
    def refuse(target, access):
        raise OSError("the disk is full")

    token, _ = ApiToken.issue(person("deployer"), "mine")
    with monkeypatch.context() as full:
        full.setattr(ScriptedTarget, "admit", refuse)
        reconciler.once()
    before = target.access.digests
    reconciler.once()

    assert before == frozenset()
    assert target.access.digests == {token.digest}


def test_what_the_judge_reads_was_counted_just_before(reconciler, tmp_path, clock):
    _active, canary = canary_of(reconciler)
    spool(tmp_path, canary, 7)
    clock.now += 1

    reconciler.once()
    canary.refresh_from_db()

    assert TrafficWindow.objects.minutes().get().request_count == 7
