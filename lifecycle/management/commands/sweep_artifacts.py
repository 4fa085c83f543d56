"""Removes the files of artifacts that a crash left without a row."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from lifecycle import artifacts

DAY_S = 86_400.0


class Command(BaseCommand):
    help = "Remove artifact files that no row names and that are older than a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than-s", type=float, default=DAY_S)

    def handle(self, *args: Any, **options: Any) -> None:
        removed = artifacts.sweep(options["older_than_s"])
        self.stdout.write(f"{removed} files removed")
