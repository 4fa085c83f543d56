"""Holds the gateway's socket and keeps its processes running; serves nothing itself.

Workers are forked, so that they share its memory. SIGHUP renews all of them: new
ones serve before the old ones leave. SIGTERM ends everything.
"""

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.totals import new_file
from deployments.serving.gateway.worker import (
    BACKLOG,
    DRAIN_S,
    ORDERS,
    RETIRE,
    Files,
    work,
)
from mlops import __version__, logs

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
MOST_PROCESSES = 48
SHORT_S = 1.0
"""A worker that ends sooner is not started again at once."""
BACK_OFF_S = (0.0, 0.1, 0.4, 1.0, 2.0, 5.0)
HOPELESS = 3
KILL_AFTER_S = DRAIN_S + 3


def serve(options: GatewayOptions) -> int:
    """Serve until SIGTERM; return the exit status."""
    logs.log_to_stderr(logs.formatter(options.log_format), options.log_level)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    if options.is_production and not options.needs_key:
        sys.exit("Open mode must be off in production.")
    supervisor = Supervisor(options)
    try:
        listener = _listen(options)
    except OSError as error:
        sys.exit(f"Cannot listen at {options.host}:{options.port}: {error.strerror}.")
    logger.info("The gateway %s starts: %d workers", __version__, options.workers)
    status = supervisor.run(listener)
    logger.info("The gateway has ended")
    return status


def _listen(options: GatewayOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    address = (options.host, options.port)
    listener = socket.create_server(address, family=family, backlog=BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    return listener


@dataclass(slots=True)
class Process:
    """A worker; `report` is where it says that it is ready."""

    pid: int
    generation: int
    started_at: float
    report: int
    is_ready: bool = False
    is_leaving: bool = False


class Supervisor:
    """Listens to signals from its making on."""

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._processes: dict[int, Process] = {}
        self._generation = 0
        self._failures = 0
        self._has_served = self._is_stopping = False
        self._next_at = self._kill_at = 0.0
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # Workers hold the reading end: it ends with this process, however it ends.
        self._lifeline, self._life = os.pipe2(os.O_CLOEXEC)
        self._totals = new_file()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._woken)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)

    def run(self, listener: socket.socket) -> int:
        """Keep workers running that serve at the listener; return the exit status."""
        logger.info("The gateway listens at %s:%d", *listener.getsockname()[:2])
        gc.collect()
        gc.freeze()
        while True:
            if self._is_stopping:
                listener.close()  # who comes now is refused, and tries elsewhere
            else:
                self._fill(listener)
            if not self._processes and self._is_stopping:
                return os.EX_OK
            if not self._has_served and self._failures >= HOPELESS:
                logger.error("the gateway does not start")
                self._stop()
                return os.EX_SOFTWARE
            self._wait()

    def _wait(self) -> None:
        """Act by signals and by what workers say, or when it is time to."""
        due = self._kill_at if self._is_stopping else self._next_at
        left = max(due - time.monotonic(), 0.0) if due else None
        for key, _ in self._selector.select(left):
            if key.fd == self._wake:
                for number in set(os.read(self._wake, 512)):
                    self._receive(number)
            else:
                self._read_report(key.data)
        if self._is_stopping and time.monotonic() > self._kill_at:
            self._send(signal.SIGKILL)

    def _receive(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGHUP and not self._is_stopping:
            logger.info("The gateway reloads: new workers start")
            self._generation += 1
            self._failures = 0
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._stop()

    def _stop(self) -> None:
        if not self._is_stopping:
            logger.info("The gateway stops")
            self._is_stopping = True
            self._kill_at = time.monotonic() + KILL_AFTER_S
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        for each in self._processes.values():
            with suppress(ProcessLookupError):
                os.kill(each.pid, number)

    def _reap(self) -> None:
        while self._processes:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if (ended := self._processes.pop(pid, None)) is not None:
                self._forget(ended, os.waitstatus_to_exitcode(status))

    def _forget(self, ended: Process, code: int) -> None:
        self._close_report(ended)
        if ended.is_leaving or self._is_stopping:
            return
        logger.warning("worker %d ended (exit code %d)", ended.pid, code)
        now = time.monotonic()
        is_short = now - ended.started_at < SHORT_S
        self._failures = self._failures + 1 if is_short else 0
        wait = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._next_at = now + wait if wait else 0.0

    def _read_report(self, worker: Process) -> None:
        worker.is_ready = os.read(worker.report, 1) == b"r"
        self._close_report(worker)
        present = [each for each in self._processes.values() if self._is_new(each)]
        if sum(each.is_ready for each in present) >= self._options.workers:
            if not self._has_served:
                logger.info("The gateway serves")
            self._has_served = True
            self._retire_old()

    def _close_report(self, worker: Process) -> None:
        if worker.report >= 0:
            self._selector.unregister(worker.report)
            os.close(worker.report)
            worker.report = -1

    def _retire_old(self) -> None:
        if any(not self._is_new(each) for each in self._processes.values()):
            logger.info("New workers serve; the old ones leave")
        for each in self._processes.values():
            if not self._is_new(each) and not each.is_leaving:
                each.is_leaving = True
                os.kill(each.pid, RETIRE)

    def _is_new(self, worker: Process) -> bool:
        return worker.generation == self._generation

    def _fill(self, listener: socket.socket) -> None:
        """Start what is missing of the newest generation, when it may be."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = 0.0
        present = sum(self._is_new(each) for each in self._processes.values())
        for _ in range(present, self._options.workers):
            if len(self._processes) >= MOST_PROCESSES:
                self._kill_overdue()
                self._next_at = time.monotonic() + BACK_OFF_S[1]
                return
            self._fork(listener)

    def _kill_overdue(self) -> None:
        """Have the oldest of those that leave close what is still idle."""
        leaving = [each for each in self._processes.values() if each.is_leaving]
        if leaving:
            os.kill(min(leaving, key=_started_at).pid, signal.SIGTERM)

    def _fork(self, listener: socket.socket) -> None:
        report, ready = os.pipe2(os.O_CLOEXEC)
        # What is sent to a worker before it listens reaches it when it does.
        signal.pthread_sigmask(signal.SIG_BLOCK, ORDERS)
        pid = os.fork()
        if pid == 0:
            os.close(report)
            self._become_worker(listener, ready)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ORDERS)
        os.close(ready)
        made = Process(pid, self._generation, time.monotonic(), report)
        self._processes[pid] = made
        self._selector.register(report, selectors.EVENT_READ, made)

    def _become_worker(self, listener: socket.socket, ready: int) -> NoReturn:
        status = os.EX_SOFTWARE
        try:
            signal.set_wakeup_fd(-1)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for each in self._processes.values():
                if each.report >= 0:
                    os.close(each.report)
            self._selector.close()
            for descriptor in (self._wake, self._woken, self._life):
                os.close(descriptor)
            work(self._options, Files(listener, self._lifeline, ready, self._totals))
            status = os.EX_OK
        except BaseException:
            logger.exception("the worker broke off")
        finally:
            logging.shutdown()
            os._exit(status)


def _started_at(worker: Process) -> float:
    return worker.started_at
