"""Runs everything on one machine: web, reconciler and gateway, with the demo story."""

import os
import signal
import socket
import subprocess
import sys
import threading
from argparse import ArgumentParser
from types import FrameType

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from mlops.demo import people
from mlops.demo.banner import Place, banner
from mlops.demo.stack import Program, Stack, StackBroken
from mlops.demo.told import is_told

HOST = "127.0.0.1"
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A body that comes slowly holds a thread; they are made only when they are needed.
WEB_THREADS = 64
MANAGE = (sys.executable, str(settings.BASE_DIR / "manage.py"))


class Command(BaseCommand):
    help = (
        "Prepare the database, start web, reconciler and gateway, tell the demo story "
        "on a fresh store, and keep everything running until Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-demo", action="store_true", help="start without the demo story"
        )

    def handle(self, *, no_demo: bool, **_options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("`up` is for one's own machine; see compose.yaml.")
        _require_free_ports()
        self._printing = threading.Lock()
        call_command("migrate", verbosity=0)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        newcomers = people.welcome()
        wants_demo = not no_demo and not is_told()
        connections.close_all()
        stack = Stack(_programs(), self._say, os.environ)
        for number in STOPPING:
            signal.signal(number, _interrupt)
        try:
            self._run(stack, newcomers, wants_demo=wants_demo)
        except KeyboardInterrupt:
            self._say("up", "stopping")
        except StackBroken as broken:
            raise CommandError(f"Everything is stopped: {broken}.") from broken
        finally:
            for number in STOPPING:  # a second Ctrl-C must not leave half of it
                signal.signal(number, signal.SIG_IGN)
            stack.stop()
            # Model servers outlive their reconciler on purpose; here nothing stays.
            subprocess.run([*MANAGE, "reconcile", "--stop"], check=False)  # noqa: S603 - ours

    def _run(
        self, stack: Stack, newcomers: people.Newcomers, *, wants_demo: bool
    ) -> None:
        stack.start()
        if wants_demo:
            self._tell_demo(stack)
        place = Place(
            url=f"http://localhost:{settings.PORT}",
            serving_url=settings.SERVING_URL,
            folder=str(settings.DATA_DIR),
            serves=is_told(),
        )
        connections.close_all()
        text = banner(place, password=newcomers.password, tokens=newcomers.tokens)
        with self._printing:
            self.stdout.write(text)
            self.stdout.flush()
        stack.watch()

    def _tell_demo(self, stack: Stack) -> None:
        """Tell the story in a process of its own: what it needs is not needed again."""
        demo = Program("demo", [*MANAGE, "demo"])
        if stack.run(demo) != 0:
            self._say("up", "the demo story broke off; going on without it")

    def _say(self, name: str, line: str) -> None:
        with self._printing:
            self.stdout.write(f"{name:<9}│ {line}")
            self.stdout.flush()


def _programs() -> list[Program]:
    web, gateway = (
        f"http://{HOST}:{p}" for p in (settings.PORT, settings.SERVING_PORT)
    )
    granian = [sys.executable, "-m", "granian", "mlops.wsgi:application"]
    options = ["--interface", "wsgi", "--host", HOST, "--port", str(settings.PORT)]
    threads = ["--workers", "1", "--blocking-threads", str(WEB_THREADS)]
    return [
        Program("reconcile", [*MANAGE, "reconcile"]),
        Program("gateway", [*MANAGE, "serve_models"], f"{gateway}/healthz"),
        # Its one warning at the start is about the number of threads, which is meant.
        Program(
            "web",
            [*granian, *options, *threads, "--log-level", "error"],
            f"{web}/healthz",
        ),
    ]


def _require_free_ports() -> None:
    for variable, port in (
        ("MLOPS_PORT", settings.PORT),
        ("MLOPS_SERVING_PORT", settings.SERVING_PORT),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} is taken ({error.strerror}); stop what uses it, or "
                    f"choose another: {variable}={port + 10} make run"
                ) from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
