"""What a step does that cannot go on now: it waits, says why, and moves nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from deployments.errors import StaleDeployment
from deployments.models import Deployment
from deployments.reconciler.failures import MAX_ATTEMPTS
from deployments.reconciler.health import GRACE_S
from deployments.serving.terms import (
    CapacityError,
    Phase,
    TargetBusy,
    TargetObservation,
    TransientTargetError,
    Validation,
)
from deployments.states import Health, Status
from deployments.targets.scripted import SIGNATURE, ScriptedTarget
from lifecycle.models import Artifact
from tests.deployments.reconciler.acting import (
    made,
    messages_of,
    requested,
    settle,
    settle_with,
    status_of,
)
from tests.deployments.reconciler.test_rollouts import canary_of, weights

pytestmark = pytest.mark.django_db
WITHDRAWN = "The rollout was stopped: killed by SIGKILL. It still has traffic: "


@dataclass(slots=True)
class Troubled(ScriptedTarget):
    """A target with one trouble at a time."""

    validation: Exception | Validation | None = None
    seen: TargetObservation | None = None
    full: str = ""
    unsettled: str = ""
    meanwhile: Callable[[], None] = lambda: None

    def validate(self, spec):
        self.meanwhile()
        if isinstance(self.validation, Exception):
            raise self.validation
        return self.validation or super(Troubled, self).validate(spec)

    def apply(self, spec):
        if self.full:
            raise CapacityError(self.full)
        super(Troubled, self).apply(spec)

    def observe(self, deployment_id):
        return self.seen or super(Troubled, self).observe(deployment_id)

    def settle(self):
        if self.unsettled:
            raise TransientTargetError(self.unsettled)


@pytest.fixture
def target():
    return Troubled()


@pytest.fixture
def deployment():
    return requested()


# Before it serves ---------------------------------------------------------------------


def test_waiting_for_a_processor_costs_no_attempt_and_no_time(
    reconciler, target, clock, deployment
):
    target.validation = TargetBusy("It waits for a processor.")
    moved = []
    for _ in range(MAX_ATTEMPTS + 2):
        clock.now += 200
        moved.append(reconciler.once().moved)
    waited = status_of(deployment), deployment.attempts

    target.validation = None
    settle_with(reconciler, deployment)

    assert waited == (Status.VALIDATING, 1)
    assert moved[1:] == [0] * (MAX_ATTEMPTS + 1)
    assert messages_of(deployment).count("It waits for a processor.") == 1


def test_a_server_that_waits_for_a_processor_is_not_late(
    reconciler, target, clock, deployment
):
    target.seen = TargetObservation(Phase.STARTING, 0, 1, is_busy=True)
    for _ in range(4):
        clock.now += 200
        reconciler.once()
    busy = status_of(deployment)

    target.seen = TargetObservation(Phase.STARTING, 0, 1)
    clock.now += 301
    reconciler.once()

    assert (busy, status_of(deployment)) == (Status.DEPLOYING, Status.FAILED)


def test_a_lack_of_capacity_costs_no_attempt_but_ends_at_the_deadline(
    reconciler, target, clock, deployment
):
    target.validation = CapacityError("The disk is full.")
    moved = [reconciler.once().moved for _ in range(MAX_ATTEMPTS + 2)]
    waited = status_of(deployment), deployment.attempts, messages_of(deployment)[-1]

    clock.now += 301
    late = reconciler.once()

    assert waited == (Status.VALIDATING, 1, "The disk is full.")
    assert late.moved == 1
    assert moved[1:] == [0] * (MAX_ATTEMPTS + 1)
    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "It has waited too long. The disk is full."


def test_a_server_that_comes_up_moves_nothing_until_it_is_ready(reconciler, target):
    target.seen = TargetObservation(Phase.STARTING, 0, 1)
    deployment = requested()
    reconciler.once()
    reconciler.once()

    waiting = reconciler.once()

    assert (waiting.moved, waiting.starting) == (0, 1)
    assert status_of(deployment) == Status.DEPLOYING


def test_a_server_that_fails_without_a_word_is_said_to_have_failed(reconciler, target):
    target.seen = TargetObservation(Phase.FAILED, 0, 1)
    deployment = requested()

    settle(reconciler)

    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "The model server did not come up."


def test_what_validation_found_is_in_the_event(reconciler, target, deployment):
    target.validation = Validation(
        "onnx_onnxv1",
        SIGNATURE,
        SIGNATURE,
        latency_p50_ms=0.1234,
        golden_rows=3,
        conversion="converted to ONNX",
        notes=("It has no names.",),
    )

    settle_with(reconciler, deployment)

    event = deployment.events.get(to_status="deploying", from_status="validating")
    assert event.message == (
        "validated as onnx_onnxv1, converted to ONNX, It has no names, "
        "3 stored answers reproduced, p50 0.123 ms"
    )


def test_what_validation_did_not_measure_is_not_in_the_event(
    reconciler, target, deployment
):
    target.validation = Validation("sklearn", SIGNATURE, SIGNATURE, None)

    settle_with(reconciler, deployment)

    event = deployment.events.get(to_status="deploying", from_status="validating")
    assert event.message == "validated as sklearn"


# What somebody else moves meanwhile ---------------------------------------------------


def test_what_somebody_else_has_moved_is_left_to_the_next_pass(
    reconciler, target, deployment
):
    target.validation = TargetBusy("It waits for a processor.")
    reconciler.once()

    def cancel():
        target.meanwhile = lambda: None
        Deployment.objects.get(pk=deployment.pk).cancel(by=None)

    target.validation, target.meanwhile = None, cancel
    done = reconciler.once()
    cancelled = Deployment.objects.get(pk=deployment.pk)

    settle(reconciler)

    assert done.moved == 0
    assert cancelled.ends_as or cancelled.status == Status.FAILED
    assert cancelled.attempts == 0
    assert target.list() == []


def test_a_route_goes_back_when_the_row_cannot_follow(reconciler, target, monkeypatch):
    old = requested()
    settle(reconciler)
    new = requested(old.model_version)

    def lost(self):
        raise StaleDeployment("The deployment has changed meanwhile; read it again.")

    with monkeypatch.context() as raced:
        raced.setattr(Deployment, "activate", lost)
        done = [reconciler.once() for _ in range(3)][-1]
    during = weights(target, old)
    settle(reconciler)

    assert done.moved == 0
    assert during == {str(old.pk): 100}
    assert weights(target, new) == {str(new.pk): 100}


# What serves --------------------------------------------------------------------------


def test_what_serves_is_unhealthy_when_it_cannot_be_run_again(reconciler):
    deployment = requested()
    settle(reconciler)
    Artifact.objects.update(is_stored=False)
    Deployment.objects.update(generation=deployment.generation + 100)

    done = reconciler.once()

    assert (done.moved, status_of(deployment)) == (0, Status.ACTIVE)
    assert (deployment.health, deployment.ready_instances) == (Health.UNHEALTHY, 0)
    reason = f"{deployment.model_version} has no artifact that can be served."
    assert messages_of(deployment)[-2:] == [f"unhealthy now: {reason}", reason]


def test_what_serves_waits_for_capacity_however_long(
    reconciler, target, clock, deployment
):
    settle(reconciler)
    target.full = "The disk is full."

    clock.now += 10_000
    done = reconciler.once()

    assert (done.moved, status_of(deployment)) == (0, Status.ACTIVE)
    assert messages_of(deployment)[-1] == "The disk is full."


def test_what_cannot_be_withdrawn_is_not_ended_yet(reconciler, target):
    deployment = requested()
    settle(reconciler)
    deployment.refresh_from_db()
    deployment.terminate(by=None)
    target.unsettled = "the gateway is silent"

    late = reconciler.once()
    waited = status_of(deployment), messages_of(deployment)[-1], target.list()
    target.unsettled = ""
    settle(reconciler)

    assert late.moved == 0
    assert waited == (
        Status.ACTIVE,
        "cannot be ended now: the gateway is silent",
        [str(deployment.pk)],
    )
    assert status_of(deployment) == Status.TERMINATED


# What rolls out -----------------------------------------------------------------------


def test_a_canary_that_is_given_up_keeps_its_row_until_it_has_no_traffic(
    reconciler, target, clock
):
    active, canary = canary_of(reconciler)
    target.crash(str(canary.pk), "killed by SIGKILL")
    reconciler.once()
    clock.now += GRACE_S + 1
    target.unsettled = "the gateway is silent"

    late = reconciler.once()
    waited = status_of(canary), messages_of(canary)[-1]
    target.unsettled = ""
    ended = reconciler.once()

    assert (late.moved, ended.moved) == (0, 1)
    assert waited == (
        Status.DEPLOYING,
        f"{WITHDRAWN}the gateway is silent",
    )
    assert status_of(canary) == Status.FAILED
    assert weights(target, active) == {str(active.pk): 100}


def test_a_canary_that_is_down_has_its_grace(reconciler, target, clock):
    _active, canary = canary_of(reconciler)
    target.crash(str(canary.pk))
    first = reconciler.once()
    clock.now += GRACE_S
    moved = first.moved, reconciler.once().moved

    assert (moved, status_of(canary)) == ((0, 0), Status.DEPLOYING)


def test_what_holds_its_share_moves_nothing(reconciler):
    _active, canary = canary_of(reconciler)
    held = reconciler.once()
    canary.refresh_from_db()
    canary.rollout.pause(by=None)

    paused = reconciler.once()

    assert (held.moved, paused.moved, paused.starting) == (0, 0, 0)


def test_a_restored_target_is_made_anew_by_the_next_reconciler(target, clock, tmp_path):
    deployment = requested()
    first = made(target, clock, tmp_path)
    settle(first)
    first.release()
    target.vanish(str(deployment.pk))

    settle(made(target, clock, tmp_path))

    assert target.list() == [str(deployment.pk)]
