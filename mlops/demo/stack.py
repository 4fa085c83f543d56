"""Keeps the programs of one machine running together. Knows no Django.

A program that ends is started again; one that keeps ending brings everything down
with a clear message. Programs are stopped in the reverse order of their start.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import IO

from mlops.demo import tied
from mlops.demo.api import request

READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 2.0
POLL_S = 0.1
LOOK_S = 5.0
"""How long nothing is looked at while nothing ends."""
MAX_RESTARTS = 5
RESTART_WINDOW_S = 60.0

# Threads share two arenas, and what is freed goes back to the system: a program that
# worked hard once is small again.
THRIFT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}

Say = Callable[[str, str], None]


class StackFailed(Exception):
    """A program does not come up, or does not stay up."""


@dataclass(slots=True)
class Program:
    """A program to keep running; it is ready when `ready_url` answers with 200."""

    name: str
    command: Sequence[str]
    ready_url: str = ""
    process: "subprocess.Popen[str] | None" = None
    reader: threading.Thread | None = None
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_RESTARTS + 1))


class Stack:
    """The programs, in order of start; `say` gets (program's name, line of output)."""

    def __init__(
        self, programs: Sequence[Program], say: Say, environ: Mapping[str, str]
    ) -> None:
        self._programs = programs
        self._say = say
        self._environ = THRIFT | dict(environ) | {"PYTHONUNBUFFERED": "1"}
        self._stopping = False

    def start(self) -> None:
        """Start everything and return when all of it is ready.

        Raises StackFailed if something is not ready in time or ends at once.
        """
        for program in self._programs:
            self._start(program)
        for program in self._programs:
            self._wait(program)

    def watch(self) -> None:
        """Restart what ends, until `stop` is called. Raises StackFailed."""
        while not self._stopping:
            self._check()
            self._until_one_ends()

    def run(self, program: Program) -> int:
        """Run a program to its end beside the others; return its exit code."""
        process = self._start(program)
        try:
            while process.poll() is None:
                self._check()
                time.sleep(POLL_S)
        finally:
            _end(process)
        return process.returncode

    def stop(self) -> None:
        """Stop everything, last started first; kill what does not go in time."""
        self._stopping = True
        for program in reversed(self._programs):
            if program.process is not None and not _end(program.process):
                self._say(program.name, "did not stop and was killed")
            if program.reader is not None:  # its last words come before the next one's
                program.reader.join(READ_TIMEOUT_S)

    def _until_one_ends(self) -> None:
        """Wait for the end of a program, a while at most; a signal breaks it off."""
        poller, watched = select.poll(), []
        try:
            for each in self._programs:
                if each.process is not None:
                    watched.append(os.pidfd_open(each.process.pid))
                    poller.register(watched[-1], select.POLLIN)
            poller.poll(LOOK_S * 1000)
        except (OSError, AttributeError):  # it is gone, or this is not Linux
            time.sleep(POLL_S)
        finally:
            for descriptor in watched:
                os.close(descriptor)

    def _start(self, program: Program) -> "subprocess.Popen[str]":
        program.starts.append(time.monotonic())
        program.process = process = subprocess.Popen(  # noqa: S603 - our own commands
            [*_tied(), *program.command],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C reaches this process only, which then stops all in order.
            start_new_session=True,
        )
        reader = threading.Thread(
            target=self._pump, args=(program.name, process.stdout), daemon=True
        )
        # Only one that runs can be joined by who stops everything meanwhile.
        reader.start()
        program.reader = reader
        return process

    def _pump(self, name: str, output: IO[str]) -> None:
        with output:
            for line in output:
                self._say(name, line.rstrip("\n"))

    def _wait(self, program: Program) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not _answers(program.ready_url):
            if self._stopping:
                raise StackFailed("stopped while starting")
            self._restart(program)
            if time.monotonic() > deadline:
                raise StackFailed(
                    f"{program.name} is not ready after {READY_TIMEOUT_S:g} s"
                )
            time.sleep(POLL_S)

    def _check(self) -> None:
        for program in self._programs:
            self._restart(program)

    def _restart(self, program: Program) -> None:
        if self._stopping or program.process is None or program.process.poll() is None:
            return
        code = program.process.returncode
        recent = [
            start
            for start in program.starts
            if time.monotonic() - start < RESTART_WINDOW_S
        ]
        if len(recent) > MAX_RESTARTS:
            raise StackFailed(f"{program.name} keeps ending (exit code {code})")
        self._say(program.name, f"ended with exit code {code}; starting it again")
        _sweep(program.process)
        self._start(program)


def _end(process: "subprocess.Popen[str]") -> bool:
    """Stop a process with all that it started; return False if it had to be killed."""
    is_willing = True
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        is_willing = False
        process.kill()
        process.wait()
    _sweep(process)
    return is_willing


def _sweep(process: "subprocess.Popen[str]") -> None:
    """Kill what a process that has ended left in its group, such as its workers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    if not url:
        return True
    try:
        status, _ = request("GET", url)
    except (OSError, HTTPException):
        return False
    return status == HTTPStatus.OK


def _tied() -> list[str]:
    """Return what starts a program that ends with this process, where the kernel can.

    A process that is killed cannot stop its programs.
    """
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", tied.__file__, str(os.getpid())]
