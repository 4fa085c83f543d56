"""The loop between two passes: how long it rests, what ends that, who is woken."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from deployments.reconciler import Pass, loop
from mlops.worker import thread
from mlops.worker.thread import WorkerThread
from tests.deployments.reconciler.acting import Clock


class Stopped:
    """A flag that is set once nothing is left to do."""

    def __init__(self):
        self.is_over = False

    def is_set(self):
        return self.is_over


@dataclass
class Passes:
    """A reconciler of which the results are given."""

    results: list
    renewals: list = field(default_factory=list)
    lease: object = None
    released: int = 0
    kept: int = 0

    def once(self):
        done = self.results.pop(0)
        if isinstance(done, Exception):
            raise done
        self.lease = SimpleNamespace(fence=3) if done.is_leader else None
        return done

    def keep(self):
        self.kept += 1
        if self.renewals and isinstance(self.renewals[0], Exception):
            raise self.renewals.pop(0)
        return self.renewals.pop(0) if self.renewals else True

    def release(self):
        self.released += 1


@dataclass
class Socket:
    """A wake socket on which time passes at once; `called` are its answers."""

    clock: Clock
    called: list = field(default_factory=list)
    events: list = field(default_factory=list)
    done: object = None

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def answer(self):
        pass

    def listen(self):
        self.events.append("listen")

    def dismiss(self):
        self.events.append("dismiss")

    def wait(self, seconds, stopping):
        self.events.append(round(seconds, 6))
        self.clock.now += seconds
        return self.called.pop(0) if self.called else False


class Beside(WorkerThread):
    """Work beside the loop, which counts how often it was woken."""

    pause_s = 1.0
    failure_message = "it failed"

    def __init__(self):
        self.woken = 0

    def wake(self):
        self.woken += 1


@pytest.fixture
def run(monkeypatch):
    """Run the loop over results of passes; return its reconciler and its socket."""

    def run(*results, called=(), renewals=()):
        clock, stopping = Clock(), Stopped()
        socket, passes = Socket(clock, [*called]), Passes([*results], [*renewals])
        monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=clock))
        monkeypatch.setattr(loop, "wake_socket", lambda: socket)
        monkeypatch.setattr(loop, "close_old_connections", lambda: None)
        once = passes.once

        def counted():
            stopping.is_over = not passes.results[1:]
            return once()

        passes.once = counted
        loop.run(passes, stopping)
        return passes, socket

    return run


QUIET = Pass(is_leader=True, due_s=4.0)


def waits(socket):
    return [event for event in socket.events if not isinstance(event, str)]


@pytest.mark.parametrize(
    ("done", "seconds"),
    [
        (Pass(is_leader=True, moved=1, starting=1, due_s=4.0), 0.0),
        (Pass(is_leader=True, starting=1, due_s=4.0), 0.05),
        (QUIET, 4.0),
        (Pass(is_leader=False, due_s=4.0), 1.0),
        (OperationalError("the database is away"), 1.0),
    ],
)
@pytest.mark.django_db
def test_a_pass_says_when_the_next_one_follows(run, done, seconds):
    _, socket = run(done, QUIET)

    assert waits(socket) == [seconds]


def test_a_long_rest_renews_the_lease_every_five_seconds(run):
    passes, socket = run(Pass(is_leader=True, due_s=12.0), QUIET)

    assert waits(socket) == [5.0, 5.0, 2.0]
    assert passes.kept == 2


def test_a_rest_as_long_as_that_needs_no_renewal(run):
    passes, socket = run(Pass(is_leader=True, due_s=5.0), QUIET)

    assert (waits(socket), passes.kept) == ([5.0], 0)


@pytest.mark.parametrize("lost", [False, OperationalError("the database is away")])
def test_a_lease_that_cannot_be_renewed_ends_the_rest(run, lost):
    _, socket = run(Pass(is_leader=True, due_s=12.0), QUIET, renewals=[lost])

    assert waits(socket) == [5.0]


def test_a_call_ends_the_rest(run):
    passes, socket = run(Pass(is_leader=True, due_s=12.0), QUIET, called=[False, True])

    assert (waits(socket), passes.kept) == ([5.0, 5.0], 1)


def test_the_socket_is_the_leaders_and_bound_once_a_lease(run):
    _, leading = run(QUIET, QUIET, QUIET)
    _, standby = run(Pass(is_leader=False), QUIET)

    assert leading.events.count("listen") == 1
    assert standby.events[:2] == ["dismiss", 1.0]


def test_who_called_before_a_pass_is_dismissed_after_it_and_before_the_rest(run):
    _, socket = run(QUIET, QUIET)

    assert socket.events == ["listen", "dismiss", 4.0, "dismiss"]


@pytest.mark.parametrize(
    ("done", "called", "woken"),
    [
        (QUIET, False, 0),
        (QUIET, True, 1),
        (Pass(is_leader=True, moved=1), False, 1),
        (OperationalError("the database is away"), False, 0),
        (OperationalError("the database is away"), True, 1),
    ],
)
@pytest.mark.django_db
def test_a_call_or_a_move_wakes_what_works_beside_it(
    run, monkeypatch, done, called, woken
):
    beside = Beside()
    monkeypatch.setattr(thread, "_running", {beside})

    run(done, QUIET, called=[called])

    assert beside.woken == woken


def test_a_loop_that_ends_gives_its_lease_back(run):
    passes, _ = run(QUIET)

    assert passes.released == 1
