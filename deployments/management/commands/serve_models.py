"""Starts the gateway in place of this process."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from deployments.gateway.__main__ import become_gateway


class Command(BaseCommand):
    """`manage.py` gets here only for options that are Django's: see its `main`."""

    help = "Serve predictions: the gateway in front of the model servers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.SERVING_PORT)
        parser.add_argument("--workers", type=int)
        parser.add_argument("--read-timeout", type=float)

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the gateway: a process without Django and without its secrets."""
        given = ["--data-dir", os.fspath(settings.DATA_DIR)]
        for name in ("host", "port", "workers", "read_timeout"):
            if options[name] is not None:
                given += [f"--{name.replace('_', '-')}", str(options[name])]
        become_gateway(given)
