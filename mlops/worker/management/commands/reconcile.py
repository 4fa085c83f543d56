"""The worker: reconciles deployments, takes in traffic, reads datasets, sees drift."""

import logging
import signal
import threading
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from mlops.worker import registration

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Brings deployments to what was asked for until it is told to stop (SIGTERM). "
        "Model servers go on without it."
    )

    # They would load every page and form, which this process never shows.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stop",
            action="store_true",
            help="Stop every model server of this machine and exit.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        loop = registration.loop()
        if options["stop"]:
            loop.stop_all()
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        if settings.WORKER_PORT:
            # HTTP is imported only where somebody is to be answered.
            from mlops.worker import port  # noqa: PLC0415

            port.start(settings.WORKER_HOST, settings.WORKER_PORT)
        logger.info("The reconciler runs")
        with ExitStack() as running:
            for thread in registration.threads(stopping):
                running.enter_context(thread)
            loop.run(stopping)
        logger.info("The reconciler has stopped; model servers go on")
