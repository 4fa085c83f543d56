"""Runs everything on one machine: web, reconciler and gateway, with the demo story."""

import fcntl
import os
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from mlops.demo import people
from mlops.demo.banner import DemoAddress, banner, demo_banner
from mlops.demo.keeper import Orders, become_keeper
from mlops.demo.stack import Program
from mlops.demo.story_state import has_run

HOST = "127.0.0.1"
MAX_PORT = 65535
STREAM_PORTS = range(2, 10)
"""How far above the web's the port of live streams is looked for."""
# A body that comes slowly holds a thread; they are made only when they are needed.
WEB_THREADS = 64
LOG_CONFIG = settings.BASE_DIR / "mlops" / "granian_log.json"
MANAGE = (sys.executable, str(settings.BASE_DIR / "manage.py"))


class Command(BaseCommand):
    help = (
        "Prepare the database, start web, reconciler and gateway, then tell the demo "
        "story on a fresh store, and keep everything running until Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-demo", action="store_true", help="start without the demo story"
        )

    def handle(self, *, no_demo: bool, **_options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("`up` is for one's own machine; see compose.yaml.")
        _claim(settings.DATA_DIR)
        _require_free_ports()
        _choose_stream_port()
        call_command("migrate", verbosity=0)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        new_users = people.create_users()
        had_run = has_run()
        tells = not (no_demo or had_run)
        place = _place()
        connections.close_all()
        self.stdout.flush()
        become_keeper(
            Orders(
                programs=[(p.name, p.command, p.ready_url) for p in _programs()],
                demo=[*MANAGE, "demo", "--verbosity", "0"] if tells else [],
                clean_up=[*MANAGE, "reconcile", "--stop"],
                banner=banner(place, new_users, serves=had_run, tells=tells),
                demo_banner=demo_banner(place, new_users.tokens),
            )
        )


def _place() -> DemoAddress:
    return DemoAddress(
        url=f"http://localhost:{settings.PORT}",
        serving_url=settings.SERVING_URL,
        folder=str(settings.DATA_DIR),
    )


def _claim(folder: Path) -> None:
    """Hold the data folder until the last of us ends, through `exec` too.

    Two at once would end each other's model servers.
    """
    lock = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode() or "?"
        raise CommandError(
            f"{folder} is in use: `make run` runs on it already (process {holder}). "
            "Stop that one with Ctrl-C, or give this one data of its own: "
            "MLOPS_DATA_DIR=/another/folder MLOPS_PORT=8510 MLOPS_SERVING_PORT=8511 "
            "make run"
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    os.set_inheritable(lock, True)  # noqa: FBT003 - its own signature


def _programs() -> list[Program]:
    web, gateway = (
        f"http://{HOST}:{p}" for p in (settings.PORT, settings.SERVING_PORT)
    )
    granian = [sys.executable, "-m", "granian", "mlops.wsgi:application"]
    options = ["--interface", "wsgi", "--host", HOST, "--port", str(settings.PORT)]
    threads = ["--workers", "1", "--blocking-threads", str(WEB_THREADS)]
    respawn = ["--respawn-failed-workers", "--respawn-interval", "0.1"]
    logs = ["--log-level", "error", "--log-config", str(LOG_CONFIG)]
    return [
        Program("reconcile", [*MANAGE, "reconcile"]),
        Program("gateway", [*MANAGE, "serve_models"], f"{gateway}/healthz"),
        # Its one warning at the start is about the number of threads, which is meant.
        Program(
            "web",
            [*granian, *options, *threads, *respawn, *logs],
            f"{web}/healthz",
        ),
    ]


def _choose_stream_port() -> None:
    """Have web open the first free port behind its own, if none was chosen.

    Another program's is shared with nobody: its streams would come to us.
    """
    if settings.HAS_STREAM_PORT:
        return
    for port in (settings.PORT + step for step in STREAM_PORTS):
        if port != settings.SERVING_PORT and port <= MAX_PORT and not _taken(port):
            os.environ["MLOPS_STREAM_PORT"] = str(port)
            return


def _require_free_ports() -> None:
    for variable, port in (
        ("MLOPS_PORT", settings.PORT),
        ("MLOPS_SERVING_PORT", settings.SERVING_PORT),
        ("MLOPS_STREAM_PORT", settings.STREAM_PORT),
    ):
        if why := _taken(port):
            raise CommandError(
                f"Port {port} is taken ({why}); stop what uses it, or "
                f"choose another: {variable}={port + 10} make run"
            )


def _taken(port: int) -> str:
    """Return why a port cannot be had, "" if it can; any free one is 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
