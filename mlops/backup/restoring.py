"""Makes an installation of a backup: its files, then its rows at once, as a copy."""

from collections.abc import Callable, Iterator
from itertools import groupby

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.utils import timezone

from mlops.backup import place
from mlops.backup.database import replaced
from mlops.backup.files import CopiedFile, stored_files
from mlops.backup.folder import BackupFolder
from mlops.backup.loading import load, require_known
from mlops.backup.manifest import BackupManifest
from mlops.backup.progress import TerminalProgress
from mlops.backup.registration import ReturningFile, forgetting, placings
from mlops.core import audit
from mlops.core.context import command_line
from mlops.core.models import IdempotencyRecord, Installation

Say = Callable[[str], None]


def restore(
    folder: BackupFolder,
    name: str,
    progress: TerminalProgress,
    *,
    replace: bool,
    say: Say,
) -> None:
    """Restore a backup here.

    Raises BadVersion, NotEmpty or Damaged before anything is written; Damaged,
    DoesNotFit or OSError later. Then, as after a kill, nothing starts here until
    another restore has ended; the database is what it was.
    """
    with folder.held():
        manifest = BackupManifest.from_json(folder.manifest(name))
        require_known(manifest)
        place.require_stopped()
        if not replace:
            place.require_empty(name)
        for sentence in what_stays_behind(manifest):
            say(sentence)
        place.mark(name)
        folder.note_trial(name, timezone.now().isoformat())
        _files(manifest, folder, progress)
        with replaced():
            load(manifest, folder, progress)
            for sentence in _become_another(name):
                say(sentence)
        place.unmark()


def what_stays_behind(manifest: BackupManifest) -> Iterator[str]:
    """Yield what does not come along, for people, before anything is written."""
    yield f"{manifest.name} is of {manifest.at}, of version {manifest.version}."
    yield "These rows stay behind:"
    for label, reason in manifest.left_out.items():
        yield f"  {label}: {reason}"
    yield "So do settings and secret keys, logs, live samples, converted models."
    for kind, names in manifest.keys.items():
        yield f"It needs the {kind} {', '.join(names)}, which is not in it."
    for sentence in manifest.damage:
        yield f"It was damaged when it was taken: {sentence}."


def _files(
    manifest: BackupManifest, folder: BackupFolder, progress: TerminalProgress
) -> None:
    total = sum(files.size_bytes for files in manifest.files.values())
    progress.begin("bytes of files", total)
    for prefix, files in manifest.files.items():
        put = placings()[prefix]
        found = stored_files(folder, files)
        for _, together in groupby(found, lambda one: one.key.rpartition("/")[0]):
            returning = [_returning(one, folder, progress) for one in together]
            put(returning)
    progress.end()


def _returning(
    one: CopiedFile, folder: BackupFolder, progress: TerminalProgress
) -> ReturningFile:
    def chunks() -> Iterator[bytes]:
        for name in one.parts:
            part = folder.get(name)
            progress.advance(len(part))
            yield part

    return ReturningFile(one.key, one.size_bytes, one.sha256, chunks)


def _become_another(backup: str) -> Iterator[str]:
    """Forget what a copy must not have; yield sentences about it."""
    ContentType.objects.clear_cache()
    with command_line(), transaction.atomic():
        IdempotencyRecord.forget_running()
        installation = Installation.renew()
        for forget in forgetting():
            yield from forget()
        restored = ("core.installation", str(installation.uid), str(installation.uid))
        with connection.cursor() as cursor:
            audit.note(cursor, "restore", restored, by=None, changes={"backup": backup})
    yield f"This is now the installation {installation.uid}, a copy."
    yield "Nobody is signed in; tokens and keys hold as before."
