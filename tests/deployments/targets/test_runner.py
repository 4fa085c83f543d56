"""Where predictions run: in the loop while they are quick, else in a thread."""

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest

from deployments.serving.child import runner
from deployments.serving.child.runner import TRUST_AFTER, Runner, Took
from deployments.serving.child.stopwatch import STALE_S, TASKS

BODY = b"{}"


@pytest.fixture
def trusted():
    """Return a runner that has seen quick predictions and nothing else."""
    made = Runner(30)
    for _ in range(2 * TRUST_AFTER):
        made._weigh(0.0001)
    return made


def test_the_first_ones_run_in_a_thread_and_then_in_the_loop():
    made, threads = Runner(30), []

    def note(_):
        threads.append(threading.get_ident())

    async def many():
        for _ in range(TRUST_AFTER + 1):
            await made.run(note, BODY, Took())

    asyncio.run(many())

    here = threading.get_ident()
    assert [each == here for each in threads] == [False] * TRUST_AFTER + [True]


def test_one_that_had_to_wait_for_its_turn_costs_no_trust(trusted):
    trusted._weigh(runner.QUICK_S * 2)

    assert trusted.is_quick(BODY)


def test_some_in_a_row_that_are_not_quick_do(trusted):
    for _ in range(3):
        trusted._weigh(runner.QUICK_S * 2)

    assert not trusted.is_quick(BODY)


def test_a_slow_one_does_at_once(trusted):
    trusted._weigh(runner.SLOW_S)

    assert not trusted.is_quick(BODY)


def test_large_bodies_are_never_taken_in_the_loop(trusted):
    assert not trusted.is_quick(b"x" * runner.QUICK_BYTES)


BUSY_S, RIVALS = 0.1, 4


def computes(_):
    """Compute for so long; return the seconds that it took by the clock."""
    began = time.monotonic()
    until_s = time.thread_time() + BUSY_S
    while time.thread_time() < until_s:
        pass
    return time.monotonic() - began


@pytest.fixture
def crowded():
    """Share one processor with others that never rest."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    rest = [sys.executable, "-c", "while True: pass"]
    rivals = [subprocess.Popen(rest) for _ in range(RIVALS)]
    yield
    for each in rivals:
        each.kill()
        each.wait()
    os.sched_setaffinity(0, before)


def here(made, work, took):
    return made.run_now(work, BODY, took)


def beside(made, work, took):
    return asyncio.run(made.run(work, BODY, took))


@pytest.mark.parametrize("run", [here, beside])
def test_waiting_for_a_processor_is_no_time_of_the_model(crowded, run):
    took = Took()

    seconds = run(Runner(30), computes, took)

    assert BUSY_S * 500 < took.ms < 2.5 * BUSY_S * 1000
    assert took.ms < seconds * 1000


@pytest.mark.parametrize("run", [here, beside])
def test_waiting_for_anything_else_is(run):
    took = Took()

    run(Runner(30), lambda _: time.sleep(BUSY_S), took)

    assert took.ms > BUSY_S * 500


@pytest.mark.parametrize("run", [here, beside])
def test_so_is_what_a_failure_takes(run):
    took = Took()

    def fails(body):
        computes(body)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(Runner(30), fails, took)

    assert took.ms > BUSY_S * 500


def test_who_comes_after_others_in_one_stretch_took_as_long_as_all_of_them(trusted):
    took = Took()

    for _ in range(20):
        here(trusted, lambda _: time.sleep(0.001), took)

    assert took.ms >= 16


def test_what_is_quick_took_no_time(trusted):
    took = Took()

    here(trusted, lambda _: None, took)

    assert took.ms == 0


@pytest.mark.parametrize("run", [here, beside])
def test_a_thread_that_has_ended_fails_no_prediction(run):
    until = threading.Event()
    short = threading.Thread(target=until.wait)
    short.start()
    made = Runner(30)
    until.set()
    short.join()
    deadline = time.monotonic() + 10
    while (TASKS / str(short.native_id)).exists():
        assert time.monotonic() < deadline
    time.sleep(STALE_S * 2)

    assert run(made, lambda body: body, Took()) == BODY
