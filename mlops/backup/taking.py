"""Takes a backup: a pin, a snapshot, its rows, then the files that they name."""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from mlops import __version__
from mlops.backup import files as copies
from mlops.backup.folder import BackupFolder
from mlops.backup.manifest import BackupManifest, CopiedFiles, new_name
from mlops.backup.pinning import Pinned, pinned
from mlops.backup.progress import TerminalProgress
from mlops.backup.registration import NamedFile, listings, needed_keys
from mlops.backup.rows import store_table
from mlops.backup.seal import Damaged
from mlops.backup.snapshot import sequences, snapshot
from mlops.backup.tables import LEFT_OUT, carried, label
from mlops.core.models import BackupRecord, Installation


def take(folder: BackupFolder, progress: TerminalProgress) -> BackupManifest:
    """Take a backup and return it. Raises PinLost or OSError; then there is none.

    What is acknowledged before the call is in it. Chunks of a backup that was killed
    are used, not written again.
    """
    installation = str(Installation.current().uid)
    with folder.held(), pinned() as pin:
        began_at = timezone.now()
        with snapshot() as alias:
            manifest = _begun(alias, installation, began_at)
            lists = _rows(manifest, folder, alias, progress)
        with lists:
            _files(manifest, folder, lists, progress)
        _end(manifest, folder, pin)
    _put_on_record(manifest, folder)
    return manifest


def _begun(alias: str, installation: str, began_at: datetime) -> BackupManifest:
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    models = carried()
    return BackupManifest(
        name=new_name(began_at),
        at=began_at.astimezone(UTC).isoformat(),
        version=__version__,
        installation=installation,
        database=connections[alias].vendor,
        migrations=sorted(map(list, applied)),
        sequences=sequences(models),
        left_out=dict(LEFT_OUT),
        keys=needed_keys(alias),
    )


def _rows(
    manifest: BackupManifest,
    folder: BackupFolder,
    alias: str,
    progress: TerminalProgress,
) -> IO[str]:
    """Store the rows; return the list of files that they name, spooled to a file."""
    models = carried()
    counts = [one._base_manager.using(alias).count() for one in models]  # noqa: SLF001
    progress.begin("rows", sum(counts))
    for model in models:
        manifest.tables[label(model)] = store_table(model, alias, folder, progress)
    progress.end()
    spool = tempfile.TemporaryFile("w+")  # noqa: SIM115 - the caller closes it
    for prefix, listing in listings().items():
        manifest.files[prefix] = CopiedFiles()
        for one in listing(alias):
            spool.write(json.dumps([prefix, *_as_list(one)]) + "\n")
    return spool


def _files(
    manifest: BackupManifest,
    folder: BackupFolder,
    lists: IO[str],
    progress: TerminalProgress,
) -> None:
    earlier = _earlier(folder, manifest.installation)
    progress.begin("bytes of files", _total(lists))
    for prefix in manifest.files:
        known = earlier.files.get(prefix) if earlier else None
        copying = copies.Copying(folder, known, progress)
        manifest.files[prefix] = copying.run(_listed(lists, prefix))
        manifest.damage += copying.damage
    progress.end()


def _earlier(folder: BackupFolder, installation: str) -> BackupManifest | None:
    try:
        return copies.newest_readable(folder, installation)
    except Damaged:
        return None  # all is read again


def _listed(lists: IO[str], prefix: str) -> Iterator[NamedFile]:
    lists.seek(0)
    for line in lists:
        at, *rest = json.loads(line)
        if at == prefix:
            yield NamedFile(*rest)


def _total(lists: IO[str]) -> int:
    lists.seek(0)
    return sum(json.loads(line)[3] or 0 for line in lists)


def _as_list(one: NamedFile) -> list[object]:
    return [one.key, one.sha256, one.size_bytes, one.is_required]


def _end(manifest: BackupManifest, folder: BackupFolder, pin: Pinned) -> None:
    """Name the backup, if every file was held for it until now."""
    pin.require()
    manifest.ended_at = timezone.now().astimezone(UTC).isoformat()
    folder.keep_manifest(manifest.name, manifest.to_json())


def _put_on_record(manifest: BackupManifest, folder: BackupFolder) -> None:
    tried = folder.last_trial()
    BackupRecord.keep(
        began_at=manifest.began_at,
        name=manifest.name,
        folder=str(folder.root),
        is_good=not manifest.damage,
        written_bytes=folder.written_bytes,
        restore_tried_at=datetime.fromisoformat(tried) if tried else None,
    )
