"""Threads of the worker outlive whatever their rounds raise."""

import threading

from mlops.worker.thread import WorkerThread


class Breaking(WorkerThread):
    pause_s = 0.001
    trouble = "It broke"

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
