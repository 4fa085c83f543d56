"""Writes all of tracking and registry as an MLflow store."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lifecycle.exporting.exporter import write_out
from lifecycle.exporting.target import DATABASE, FILES
from mlops.core.errors import DomainError


class Command(BaseCommand):
    help = "Write experiments, runs, files and models as a store for `mlflow server`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", help="a folder that is empty or not there yet")

    def handle(self, *_args: Any, **options: Any) -> None:
        folder, said = Path(options["target"]), time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal said
            if time.monotonic() - said > 1:
                said = time.monotonic()
                self.stderr.write(f"{done} of {total} runs")

        try:
            target = write_out(folder, tell=tell if options["verbosity"] else None)
        except DomainError as error:
            raise CommandError(error.message) from error
        for label, counts in (("written", target.counts), ("to know", target.noted)):
            listed = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()) if n)
            self.stdout.write(f"{label}: {listed or 'nothing'}")
        for line in target.refused:
            self.stdout.write(f"refused: {line}")
        place = folder.resolve()
        self.stdout.write(
            f"mlflow server --backend-store-uri sqlite:///{place / DATABASE} "
            f"--artifacts-destination {place / FILES}"
        )
        if target.refused:
            raise CommandError(f"{len(target.refused)} things could not be written.")
