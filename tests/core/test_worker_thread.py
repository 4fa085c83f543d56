"""Threads of the worker outlive whatever their rounds raise."""

import threading
import time

from mlops.worker import registration
from mlops.worker.thread import WorkerThread, wake_all


class Breaking(WorkerThread):
    pause_s = 0.001
    failure_message = "It broke"

    def __init__(self, stopping):
        super().__init__(stopping)
        self.rounds, self.goes_on = 0, threading.Event()

    def round(self):
        self.rounds += 1
        if self.rounds > 2:
            self.goes_on.set()
        raise (UnicodeError, RuntimeError, OSError)[self.rounds % 3]("a bug")


def test_no_exception_ends_the_thread():
    with Breaking(threading.Event()) as thread:
        assert thread.goes_on.wait(120)


class Waiting(WorkerThread):
    pause_s, least_pause_s = 600.0, 0.01
    failure_message = "It broke"

    def __init__(self, stopping):
        super().__init__(stopping)
        self.made = threading.Semaphore(0)

    def round(self):
        self.made.release()


def test_a_call_brings_the_next_round_at_once():
    with Waiting(threading.Event()) as thread:
        assert thread.made.acquire(timeout=120)

        wake_all()

        assert thread.made.acquire(timeout=120)


def test_a_thread_that_waits_for_long_ends_at_once():
    with Waiting(threading.Event()) as thread:
        assert thread.made.acquire(timeout=120)
        began = time.monotonic()

    assert time.monotonic() - began < Waiting.pause_s / 2


def test_every_thread_and_loop_that_an_app_registers_can_be_made():
    stopping = threading.Event()

    made = registration.threads(stopping)

    assert {type(each).__name__ for each in made} >= {"IngestionThread", "SampleIntake"}
