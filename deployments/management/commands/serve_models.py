"""Starts the gateway in place of this process."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")


class Command(BaseCommand):
    help = "Serve predictions: the gateway in front of the model servers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.SERVING_PORT)
        parser.add_argument("--workers", type=int, default=1)
        parser.add_argument("--read-timeout", type=float, default=10.0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the gateway: a process without Django and without its secrets."""
        command = [
            sys.executable,
            "-m",
            "deployments.gateway",
            *("--data-dir", os.fspath(settings.DATA_DIR)),
            *("--host", options["host"]),
            *("--port", str(options["port"])),
            *("--workers", str(options["workers"])),
            *("--read-s", str(options["read_timeout"])),
        ]
        if settings.OPEN_MODE:
            command.append("--open")
        environment = {key: os.environ[key] for key in KEPT if key in os.environ}
        os.chdir(settings.BASE_DIR)
        os.execve(command[0], command, environment)  # noqa: S606 - ourselves, no shell
