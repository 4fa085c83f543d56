"""Takes a backup of rows and files into a folder, while everything runs."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from mlops.backup.folder import BackupFolder, BadFolder, FolderBusy
from mlops.backup.keeping import BadRule, Removed, remove_others, rules_of
from mlops.backup.manifest import BackupManifest
from mlops.backup.progress import TerminalProgress
from mlops.backup.seal import BadKeyFile, Damaged, make_key, seal_of
from mlops.backup.taking import take
from mlops.backup.verifying import Verifier
from mlops.core.health import MIGRATIONS_MISSING, lacks_migrations
from mlops.core.models import Installation, PinLost


class Command(BaseCommand):
    help = (
        "Take a backup of all rows and files into a folder, of one instant, while "
        "everything runs. Run it again to go on after it was stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", type=Path, help="the folder of backups")
        parser.add_argument("--key-file", type=Path, help="encrypt with this key")
        parser.add_argument(
            "--make-key", action="store_true", help="make the key file first"
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="take none; read every digest of those that are there",
        )
        parser.add_argument(
            "--list", action="store_true", help="take none; list those that are there"
        )
        parser.add_argument(
            "--keep",
            default="",
            metavar="7d,4w",
            help="then remove others than the newest of so many h, d, w, m, y",
        )

    def handle(self, *, target: Path, **options: Any) -> None:
        try:
            self._run(target, options)
        except (BadFolder, BadKeyFile, BadRule, FolderBusy, Damaged) as refused:
            raise CommandError(str(refused)) from None
        except PinLost:
            raise CommandError(
                "The backup was stopped for so long that files may have been deleted "
                "that belong to it; run it again."
            ) from None
        except DatabaseError as error:
            if not lacks_migrations(error):
                raise
            raise CommandError(MIGRATIONS_MISSING) from None
        except OSError as error:
            raise CommandError(
                f"The backup has ended: {error}. Run it again."
            ) from None

    def _run(self, target: Path, options: dict[str, Any]) -> None:
        if options["make_key"]:
            self._make_key(options["key_file"])
        seal, rules = seal_of(options["key_file"]), None
        if options["keep"]:
            rules = rules_of(options["keep"])
        if options["list"] or options["verify"]:
            folder = BackupFolder.existing(target, seal)
            self._list(folder) if options["list"] else self._verify(folder)
            return
        folder = BackupFolder.begun(target, seal)
        manifest = take(folder, TerminalProgress(sys.stderr))
        self._report(folder, manifest)
        if rules is not None:
            uid = str(Installation.current().uid)
            self._report_removed(remove_others(folder, rules, uid))
        if manifest.damage:
            raise CommandError(
                f"{len(manifest.damage)} files were not as their rows say: the backup "
                "has what was there, and does not count as good."
            )

    def _make_key(self, key_file: Path | None) -> None:
        if key_file is None:
            raise CommandError("--make-key needs --key-file.")
        try:
            make_key(key_file)
        except FileExistsError:
            raise CommandError(f"{key_file} is there already.") from None
        self.stdout.write(
            f"{key_file} is the key. Without it nobody reads these backups: keep it "
            "elsewhere than them."
        )

    def _report(self, folder: BackupFolder, manifest: BackupManifest) -> None:
        rows = sum(table.rows for table in manifest.tables.values())
        count = sum(files.count for files in manifest.files.values())
        size = sum(files.size_bytes for files in manifest.files.values())
        self.stdout.write(
            f"{manifest.name}: {rows:,} rows, {count:,} files of {size:,} bytes; "
            f"{folder.written_bytes:,} bytes written in {folder.written_count:,} chunks"
        )
        for sentence in manifest.damage:
            self.stderr.write(f"  {sentence}")

    def _report_removed(self, removed: Removed) -> None:
        names = ", ".join(removed.backups) or "no backup"
        self.stdout.write(
            f"removed {names}; {removed.chunks:,} chunks, {removed.size_bytes:,} bytes"
        )

    def _list(self, folder: BackupFolder) -> None:
        for name in folder.backups():
            manifest = BackupManifest.from_json(folder.manifest(name))
            rows = sum(table.rows for table in manifest.tables.values())
            self.stdout.write(
                f"{name}  {manifest.at}  {manifest.database}  {manifest.version}  "
                f"{rows:,} rows  installation {manifest.installation}"
            )

    def _verify(self, folder: BackupFolder) -> None:
        names, wrong = folder.backups(), 0
        if not names:
            raise CommandError(f"There is no backup in {folder.root}.")
        verifier = Verifier(folder, TerminalProgress(sys.stderr))
        with folder.held():
            for name in names:
                found = verifier.verify(name)
                wrong += bool(found)
                self.stdout.write(f"{name}: {'damaged' if found else 'whole'}")
                for sentence in found:
                    self.stdout.write(f"  {sentence}")
        if wrong:
            raise CommandError(f"{wrong} of {len(names)} backups are damaged.")
