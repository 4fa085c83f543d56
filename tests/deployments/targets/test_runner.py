"""Where predictions run: in the loop while they are quick, else in a thread."""

import asyncio
import threading

import pytest

from deployments.serving.child import runner
from deployments.serving.child.runner import TRUST_AFTER, Runner

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

    async def many():
        for _ in range(TRUST_AFTER + 1):
            await made.run(lambda _: threads.append(threading.get_ident()) or b"", BODY)

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
