"""Keeps the programs of `manage.py up` running, in its place. Without Django.

It gets its orders as JSON from a descriptor: they hold secrets that are shown once, so
they are neither arguments nor environment variables.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import FrameType
from typing import NoReturn

from mlops.demo.stack import Program, Stack, StackFailed

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Orders:
    """The programs (name, command, ready URL), and what else is run and printed.

    `demo` is a command, empty if the demo is not to run; `banner` is printed when
    everything is up, and `demo_banner` once the demo has run beside it.
    """

    programs: Sequence[tuple[str, Sequence[str], str]]
    demo: Sequence[str]
    clean_up: Sequence[str]
    banner: str
    demo_banner: str


def become_keeper(orders: Orders) -> NoReturn:
    """Replace this process by one that has imported nothing but this module."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        json.dump(asdict(orders), pipe)
    os.set_inheritable(reading, True)  # noqa: FBT003 - its own signature
    sys.stdout.flush()
    command = [sys.executable, "-m", "mlops.demo.keeper", str(reading)]
    os.execv(command[0], command)  # noqa: S606 - ourselves, no shell


class Keeper:
    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._printing = threading.Lock()
        programs = [Program(*each) for each in orders.programs]
        self._stack = Stack(programs, self._say, os.environ)

    def keep(self) -> int:
        """Run everything until it is stopped; return the exit status."""
        for number in STOPPING:
            signal.signal(number, _interrupt)
        try:
            self._run()
        except KeyboardInterrupt:
            self._say("up", "stopping")
        except StackFailed as broken:
            sys.stderr.write(f"CommandError: Everything is stopped: {broken}.\n")
            return 1
        finally:
            for number in STOPPING:  # a second Ctrl-C must not leave half of it
                signal.signal(number, signal.SIG_IGN)
            self._stack.stop()
            # Model servers outlive their reconciler on purpose; here nothing stays.
            subprocess.run(self._orders.clean_up, check=False)  # noqa: S603 - ours
        return 0

    def _run(self) -> None:
        self._stack.start()
        self._print(self._orders.banner)
        if self._orders.demo:
            self._run_the_demo()
        self._stack.watch()

    def _run_the_demo(self) -> None:
        """Run the demo in a process of its own: what it imports is not needed again."""
        if self._stack.run(Program("demo", self._orders.demo)) == 0:
            self._print(self._orders.demo_banner)
        else:
            self._say("up", "the demo story broke off; going on without it")

    def _say(self, name: str, line: str) -> None:
        self._print(f"{name:<9}│ {line}")

    def _print(self, text: str) -> None:
        with self._printing:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    with os.fdopen(int(sys.argv[1])) as pipe:
        orders = Orders(**json.load(pipe))
    return Keeper(orders).keep()


if __name__ == "__main__":
    sys.exit(main())
