"""Removes what was deleted some days ago, with its files."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from lifecycle.purge import purge


class Command(BaseCommand):
    help = "Remove deleted runs, logged models and experiments for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=30,
            help="how long ago they were deleted, at least (30)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would go, remove nothing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        before = timezone.now() - timedelta(days=options["days"])
        done = purge(before, dry_run=options["dry_run"])
        word = "would remove" if options["dry_run"] else "removed"
        self.stdout.write(
            f"{word} {len(done.experiments)} experiments, {len(done.runs)} runs, "
            f"{len(done.logged_models)} logged models, {done.size_bytes} bytes"
        )
        if done.kept:
            self.stdout.write(f"kept for model versions: {', '.join(done.kept)}")
