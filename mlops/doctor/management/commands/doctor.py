"""Looks for what is wrong with this installation; only reads, unless told to mend."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from mlops.core import audit
from mlops.core.context import command_line
from mlops.core.models import Installation
from mlops.doctor import leftovers, place
from mlops.doctor.files import FileChecks
from mlops.doctor.findings import Ailment, Symptom
from mlops.doctor.quarantine import QuarantineFolder, put_back
from mlops.doctor.registration import examinations


class Command(BaseCommand):
    help = (
        "Look for rows without files, files without rows, changed files, stuck "
        "deployments, half-made states and whatever else is wrong. Changes nothing."
    )

    # It says itself what is wrong, of a database that does not answer too.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="say it as JSON")
        parser.add_argument(
            "--quick", action="store_true", help="compare sizes, read no file"
        )
        parser.add_argument(
            "--mend", action="store_true", help="mend what can be, one by one"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask before")
        parser.add_argument(
            "--undo", type=Path, metavar="FOLDER", help="put a quarantine back"
        )

    def handle(self, **options: Any) -> None:
        if options["undo"]:
            self._undo(options["undo"])
            return
        found = list(_examine(reads_bytes=not options["quick"]))
        if options["json"]:
            report = {"findings": [one.as_json() for one in found]}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self._print(found)
        left = self._mend(found, options["yes"]) if options["mend"] else len(found)
        if left:
            raise CommandError(f"{left} things are wrong.")

    def _print(self, found: list[Symptom]) -> None:
        if not found:
            self.stdout.write("Nothing is wrong.")
        for kind in Ailment:
            of_it = [one for one in found if one.kind == kind]
            if of_it:
                self.stdout.write(f"{kind}: {len(of_it)}")
            for one in of_it:
                advice = f" {one.advice}" if one.advice else ""
                self.stdout.write(f"  {one.where}: {one.what}{advice}")

    def _mend(self, found: list[Symptom], is_agreed: bool) -> int:  # noqa: FBT001
        """Mend what can be; return how many things are wrong still."""
        left = len(found)
        for one in found:
            if one.mending is None:
                continue
            self.stdout.write(f"{one.where}: {one.mending.says}")
            self.stdout.flush()
            if not is_agreed and not _agrees():
                continue
            done = one.mending.act()
            self.stdout.write(f"  {done or 'left as it is'}")
            if done:
                _record(one, done)
                left -= 1
        return left

    def _undo(self, folder: Path) -> None:
        try:
            done = put_back(Path(settings.DATA_DIR), folder)
        except FileNotFoundError:
            raise CommandError(f"{folder} is no quarantine.") from None
        for line in done:
            self.stdout.write(line)
            _note("undo", {"done": line})


def _examine(*, reads_bytes: bool) -> Iterator[Symptom]:
    quarantine = QuarantineFolder(Path(settings.DATA_DIR))
    found = list(place.examine())
    yield from found
    if any(
        one.kind == Ailment.MIGRATIONS or one.where == place.DATABASE for one in found
    ):
        return  # no table can be asked
    yield from leftovers.requests()
    yield from leftovers.deletions()
    yield from leftovers.drafts(quarantine)
    for examination in examinations():
        yield from examination()
    yield from FileChecks(quarantine, reads_bytes=reads_bytes).run()


def _agrees() -> bool:
    sys.stdout.write("  do it? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _record(one: Symptom, done: str) -> None:
    _note("mend", {"kind": str(one.kind), "where": one.where, "done": done})


def _note(action: str, changes: dict[str, str]) -> None:
    uid = str(Installation.current().uid)
    with command_line(), transaction.atomic(), connection.cursor() as cursor:
        target = ("core.installation", uid, uid)
        audit.note(cursor, action, target, by=None, changes=changes)
