"""What a reconciler remembers between passes, by a clock that tests turn."""

import pytest

from deployments.models import Deployment
from deployments.reconciler.pass_memory import JUDGED_S, Memory
from deployments.serving.terms import Phase, Route, TargetObservation
from deployments.states import Status
from tests.deployments.reconciler.acting import Clock


@pytest.fixture
def memory():
    return Memory(Clock())


@pytest.fixture
def deployment():
    return Deployment(status=Status.ACTIVE)


def seen(ready=1, restarts=0, message=""):
    phase = Phase.READY if ready else Phase.STARTING
    return TargetObservation(phase, ready, 1, restarts, message)


def test_what_is_due_is_due_once_in_its_time(memory):
    first = memory.is_due("prune", 60.0)
    memory.clock.now += 59.0
    early = memory.is_due("prune", 60.0)
    memory.clock.now += 1.0

    assert (first, early, memory.is_due("prune", 60.0)) == (True, False, True)


def test_time_in_a_step_counts_from_its_begin_and_only_for_that_step(
    memory, deployment
):
    unknown = memory.seconds_in_step(deployment)
    memory.begin(deployment)
    memory.clock.now += 7.0

    assert (unknown, memory.seconds_in_step(deployment)) == (0.0, 7.0)
    assert memory.has_begun(deployment)
    deployment.status = Status.DEPLOYING
    assert not memory.has_begun(deployment)
    assert memory.seconds_in_step(deployment) == 0.0


def test_time_down_counts_until_something_is_ready(memory, deployment):
    times = [memory.seconds_down(deployment, seen(ready=0))]
    memory.clock.now += 3.0
    times.append(memory.seconds_down(deployment, seen(ready=0)))
    times.append(memory.seconds_down(deployment, seen(ready=1)))
    memory.clock.now += 3.0
    times.append(memory.seconds_down(deployment, seen(ready=0)))

    assert times == [0.0, 3.0, 0.0, 0.0]


def test_a_judgement_is_written_again_after_its_time(memory, deployment):
    due = [memory.is_judgement_due(deployment)]
    memory.note_judged([deployment])
    memory.clock.now += JUDGED_S - 0.5
    due.append(memory.is_judgement_due(deployment))
    memory.clock.now += 0.5
    due.append(memory.is_judgement_due(deployment))

    assert due == [True, False, True]


def test_what_was_judged_is_due_again_within_five_seconds():
    assert JUDGED_S == 5.0


def test_a_message_is_new_once_and_none_never(memory, deployment):
    messages = ["", "full", "full", "slow"]

    new = [memory.has_changed(deployment, seen(message=each)) for each in messages]

    assert new == [False, True, False, True]


def test_restarts_count_since_the_first_look_and_for_their_time(memory, deployment):
    within = [memory.restarted_within(deployment, seen(restarts=2), 10.0)]
    within.append(memory.restarted_within(deployment, seen(restarts=2), 10.0))
    within.append(memory.restarted_within(deployment, seen(restarts=3), 10.0))
    memory.clock.now += 9.0
    within.append(memory.restarted_within(deployment, seen(restarts=3), 10.0))
    memory.clock.now += 1.0
    within.append(memory.restarted_within(deployment, seen(restarts=3), 10.0))

    assert within == [False, False, True, True, False]


def remembered(memory, one):
    memory.begin(one)
    memory.seconds_down(one, seen(ready=0))
    memory.restarted_within(one, seen(), 1.0)
    memory.has_changed(one, seen(message="full"))
    memory.note_judged([one])
    memory.records[one.pk] = (None, False, False)


def test_what_has_ended_is_forgotten_and_what_is_open_is_not(memory, deployment):
    other = Deployment(status=Status.ACTIVE)
    remembered(memory, deployment)
    remembered(memory, other)

    memory.keep_only([deployment.pk])

    assert memory.has_begun(deployment)
    assert not memory.has_begun(other)
    for kept in (
        memory.down_since,
        memory.restarts,
        memory.messages,
        memory.judged,
        memory.records,
    ):
        assert kept.keys() == {deployment.pk}


def test_a_new_lease_starts_with_nothing(memory, deployment):
    remembered(memory, deployment)
    memory.specs[deployment.pk] = ((1, (False, False, "")), None)
    memory.routes[7] = Route("development", "model")
    memory.routed_for = memory.admitted_for = "any"
    memory.cursors["active"] = (None, deployment.pk)
    memory.is_due("prune", 60.0)
    memory.routed_at = memory.clock()

    memory.forget()

    assert memory == Memory(memory.clock)
