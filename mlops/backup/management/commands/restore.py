"""Makes an installation of a backup, in an empty place."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from mlops.backup.folder import BackupFolder, BadFolder, FolderBusy
from mlops.backup.loading import BadVersion, DoesNotFit
from mlops.backup.place import NotEmpty
from mlops.backup.progress import TerminalProgress
from mlops.backup.restoring import restore
from mlops.backup.seal import BadKeyFile, Damaged, seal_of
from mlops.core.errors import DomainError


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty place, on either database, as another "
        "installation than the one that it is of. Run it again if it was stopped."
    )

    # They look at a place that may not be one yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, help="the folder of backups")
        parser.add_argument("--backup", default="", help="its name (the newest)")
        parser.add_argument("--key-file", type=Path, help="the key of encrypted ones")
        parser.add_argument(
            "--replace", action="store_true", help="lose what is here already"
        )

    def handle(self, *, source: Path, **options: Any) -> None:
        try:
            folder = BackupFolder.existing(source, seal_of(options["key_file"]))
            name = options["backup"] or max(folder.backups(), default="")
            if not name:
                raise CommandError(f"There is no backup in {source}.")
            progress = TerminalProgress(sys.stderr)
            restore(folder, name, progress, replace=options["replace"], say=self._say)
        except (BadFolder, BadKeyFile, BadVersion, FolderBusy, NotEmpty) as refused:
            raise CommandError(str(refused)) from None
        except (Damaged, DoesNotFit, DomainError, DatabaseError, OSError) as error:
            raise CommandError(
                f"The restore has ended: {error} Nothing starts here until one has "
                "succeeded."
            ) from error
        self.stdout.write(f"{name} is restored. Start it, then ask `manage.py doctor`.")

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()  # before what comes next is done
