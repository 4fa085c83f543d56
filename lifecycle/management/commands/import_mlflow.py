"""Brings the history of an MLflow store in."""

import json
import time
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lifecycle.importing.context import ImportOptions
from lifecycle.importing.importer import ImportProgress, bring_in
from lifecycle.importing.report import ImportReport
from lifecycle.importing.sources import open_source
from mlops.core.errors import DomainError
from mlops.core.models import User

EVERY_S: Final = 1.0
_MAX_USERS_BYTES: Final = 10 << 20


class Command(BaseCommand):
    help = "Import experiments, runs, files and models of an MLflow store."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "source",
            help="sqlite:///FILE, postgresql://…, mysql://… or a folder mlruns",
        )
        parser.add_argument(
            "--artifacts",
            action="append",
            default=[],
            metavar="DIR",
            help="a folder to find files in; may be repeated",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="count what would come, write nothing",
        )
        parser.add_argument(
            "--allow-missing-files",
            action="store_true",
            help="end well although files were not found",
        )
        parser.add_argument("--prefix", default="", help="put before every name")
        parser.add_argument("--workspace", default="", help="of a store with several")
        parser.add_argument(
            "--users",
            metavar="FILE",
            help='JSON: {"user as MLflow has it": "user name here"}',
        )
        parser.add_argument("--by", metavar="USER", help="who imports, for the trail")
        parser.add_argument(
            "--report", metavar="FILE", help="where to write it as JSON"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        watcher = _Watcher(self) if options["verbosity"] else None
        try:
            wanted = _options(options)
            by = _user(options["by"]).pk if options["by"] else None
            source = open_source(options["source"], workspace=options["workspace"])
            with source as opened:
                report = bring_in(opened, wanted, by=by, watch=watcher)
        except DomainError as error:
            raise CommandError(error.message) from error
        self._show(report, options)
        is_whole = not report.refused
        if not options["allow_missing_files"]:
            is_whole = is_whole and not report.missing
        if not is_whole:
            raise CommandError("Not all of it came in; see above.")

    def _show(self, report: ImportReport, options: dict[str, Any]) -> None:
        for line in report.lines(would=options["dry_run"]):
            self.stdout.write(line)
        if options["report"]:
            text = json.dumps(report.as_json(), indent=1, ensure_ascii=False)
            Path(options["report"]).write_text(text, encoding="utf-8")


class _Watcher:
    """Says once a second how far it is and how long it may take."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._started = self._said = time.monotonic()

    def __call__(self, progress: ImportProgress) -> None:
        now = time.monotonic()
        if now - self._said < EVERY_S:
            return
        self._said = now
        total = max(progress.totals["runs"], progress.runs)
        left_s = (now - self._started) * (total - progress.runs) / progress.runs
        self._command.stderr.write(
            f"{progress.runs} of {total} runs, {progress.written['points']} points, "
            f"{progress.written['files']} files; about {left_s:.0f} s to go"
        )


def _options(options: dict[str, Any]) -> ImportOptions:
    places = tuple(Path(place) for place in options["artifacts"])
    for place in places:
        if not place.is_dir():
            raise CommandError(f"--artifacts: {place} is no folder.")
    return ImportOptions(
        places=places,
        prefix=options["prefix"],
        workspace=options["workspace"],
        users=_users(options["users"]) if options["users"] else {},
        is_dry=options["dry_run"],
    )


def _users(path: str) -> dict[str, int]:
    """Return the accounts by the names that MLflow has for them."""
    try:
        with Path(path).open("rb") as file:
            named = json.loads(file.read(_MAX_USERS_BYTES))
    except (OSError, ValueError) as error:
        raise CommandError(f"--users: {path} cannot be read: {error}.") from error
    if not isinstance(named, dict):
        raise CommandError("--users: the file holds no JSON object.")
    return {str(label): _user(name).pk for label, name in named.items()}


def _user(name: object) -> User:
    found = User.objects.filter(username=str(name)).first()
    if found is None:
        raise CommandError(f"There is no user {name!r}.")
    return found
