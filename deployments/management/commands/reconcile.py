"""The worker: reconciles deployments, takes in traffic, reads datasets, sees drift."""

import logging
import signal
import threading
from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from deployments.drift.watcher import Watcher
from deployments.housekeeping import Housekeeping
from deployments.ingestion import Ingestion
from deployments.reconciler import Reconciler
from deployments.reconciler.loop import run
from deployments.sampling import Sampling
from deployments.states import Environment
from deployments.targets import configured

COMPANIONS = (Ingestion, Sampling, Watcher, Housekeeping)
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Brings deployments to what was asked for until it is told to stop (SIGTERM). "
        "Model servers go on without it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stop",
            action="store_true",
            help="Stop every model server of this machine and exit.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        targets = configured()
        if options["stop"]:
            for target in targets:
                target.close(stop_all=True)
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        logger.info("The reconciler runs")
        try:
            with ExitStack() as companions:
                for companion in COMPANIONS:
                    companions.enter_context(companion(stopping))
                # The first target serves every environment until settings say more.
                run(Reconciler(dict.fromkeys(Environment.values, targets[0])), stopping)
        finally:
            for target in targets:
                target.close()
        logger.info("The reconciler has stopped; model servers go on")
