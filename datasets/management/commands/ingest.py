"""`manage.py ingest`: the loop that reads uploaded files, with its progress."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from datasets.ingestion import ingest_once
from datasets.models import IngestJob

PAUSE_S = 1.0
MEBIBYTE = 1 << 20


class Command(BaseCommand):
    help = "Read uploaded files into dataset versions until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="read what waits, then end"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while True:
            if done := ingest_once(watch=self._show):
                self.stdout.write(f"{done} read")
            if options["once"] or stop.wait(PAUSE_S):
                return
            close_old_connections()

    def _show(self, job: IngestJob) -> None:
        left = "" if job.eta_s is None else f", {job.eta_s:.0f} s left"
        total = job.bytes_total / MEBIBYTE
        self.stdout.write(
            f"{job.version}: {job.share_done:4.0%} of {total:.1f} MiB,"
            f" {job.rows_done:,} rows{left}"
        )
