"""A backup: of one instant, of what is acknowledged, little where little changed."""

import json
import os
import time
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.models.functions import Now

from lifecycle import artifacts
from lifecycle.models import MetricPoint, Run
from lifecycle.purge import purge
from mlops.backup import pinning, seal, taking
from mlops.backup.files import stored_files
from mlops.backup.folder import BackupFolder, FolderBusy
from mlops.backup.manifest import BackupManifest
from mlops.backup.seal import NoSeal
from mlops.backup.verifying import Verifier
from mlops.core.byte_store import byte_store, delete_delayed
from mlops.core.models import BackupRecord, DelayedDeletion, FilePin, PinLost
from tests.backup.places import QUIET, ActingProgress, a_run
from tests.lifecycle.test_purge import later

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def by(person):
    return person("data scientist")


@pytest.fixture
def folder(data_folder, target):
    return BackupFolder.begun(target, NoSeal())


def opened(folder):
    return BackupFolder.existing(folder.root, folder.seal)


def rows_of(folder, manifest, label):
    found = []
    for name in manifest.tables[label].chunks:
        found += zip(*json.loads(folder.get(name)), strict=True)
    return [
        dict(zip(manifest.tables[label].columns, row, strict=True)) for row in found
    ]


def test_what_is_acknowledged_is_in_it_with_its_file(folder, by):
    run = a_run("first", by=by, content=b"weights")

    manifest = taking.take(folder, QUIET)

    assert [row["uid"] for row in rows_of(folder, manifest, "lifecycle.Run")] == [
        run.uid
    ]
    (file,) = stored_files(folder, manifest.files["artifacts/"])
    assert [folder.get(part) for part in file.parts] == [b"weights"]
    assert Verifier(folder, QUIET).verify(manifest.name) == []
    assert BackupRecord.last_good() == manifest.began_at


def test_what_is_written_while_rows_are_read_is_in_no_table_of_it(folder, by):
    a_run("before", by=by)
    meanwhile = ActingProgress(rows=lambda: a_run("after", by=by, points=5))

    manifest = taking.take(folder, meanwhile)

    assert (Run.objects.count(), manifest.tables["lifecycle.Run"].rows) == (2, 1)
    assert manifest.tables["lifecycle.MetricPoint"].rows == 1
    assert manifest.files["artifacts/"].count == 1


def test_a_purge_meanwhile_takes_no_file_away_and_takes_it_afterwards(folder, by):
    run = a_run("doomed", by=by)
    file = artifacts.file_path(run.artifacts.get())
    run.delete_softly(by=by)
    meanwhile = ActingProgress(bytes=lambda: purge(later()))

    manifest = taking.take(folder, meanwhile)

    assert (manifest.damage, manifest.files["artifacts/"].count) == ([], 1)
    assert (Run.objects.count(), file.exists()) == (0, True)
    assert delete_delayed() == 1
    assert (file.exists(), DelayedDeletion.objects.exists()) == (False, False)


def test_a_sweep_meanwhile_takes_no_file_away(folder, by):
    run = a_run("doomed", by=by)
    file = artifacts.file_path(run.artifacts.get())
    os.utime(file, (0, 0))

    def lose_the_row():
        run.delete_softly(by=by)
        purge(later())
        artifacts.sweep()

    manifest = taking.take(folder, ActingProgress(bytes=lose_the_row))

    assert (manifest.damage, file.exists()) == ([], True)


def test_a_pin_that_nobody_renews_holds_nothing_back(folder, by):
    pin = FilePin.take("killed")
    FilePin.objects.filter(pk=pin).update(expires_at=Now())
    run = a_run("first", by=by)
    file = artifacts.file_path(run.artifacts.get())

    byte_store().delete(f"artifacts/{file.parent.name}/{file.name}")

    assert not file.exists()
    with pytest.raises(PinLost):
        FilePin.renew(pin)


def test_a_pin_is_a_lease_of_less_than_ten_minutes(db):
    FilePin.take("one")

    with connection.cursor() as cursor:
        cursor.execute("SELECT expires_at FROM core_filepin")
    left = FilePin.objects.get().expires_at.timestamp() - time.time()
    assert 0 < left < 600


def test_a_backup_that_lost_its_pin_is_none(folder, by):
    a_run("first", by=by)
    meanwhile = ActingProgress(bytes=lambda: FilePin.objects.all().delete())

    with pytest.raises(PinLost):
        taking.take(folder, meanwhile)

    assert (folder.backups(), BackupRecord.objects.exists()) == ([], False)


def test_a_pin_is_renewed_while_the_backup_runs(folder, by, monkeypatch):
    monkeypatch.setattr(pinning, "RENEW_EVERY_S", 0.01)
    with pinning.pinned():
        before = FilePin.objects.get().expires_at
        deadline = time.monotonic() + 20
        while FilePin.objects.get().expires_at == before:
            assert time.monotonic() < deadline
    assert not FilePin.objects.exists()


def test_a_second_backup_of_an_unchanged_store_writes_a_hundredth(folder, by):
    run = a_run("first", by=by, content=os.urandom(2 << 20))
    points = [
        MetricPoint(
            run=run,
            key_id=MetricPoint.objects.values_list("key_id", flat=True)[0],
            step=step,
            timestamp_ms=step,
            value=step / 7,
        )
        for step in range(1, 20_000)
    ]
    MetricPoint.objects.bulk_create(points)
    taking.take(folder, QUIET)
    second = opened(folder)

    taking.take(second, QUIET)

    assert second.written_bytes < folder.written_bytes / 100


def test_a_new_row_changes_the_chunks_beside_it_only(folder, by):
    run = a_run("first", by=by)
    key = MetricPoint.objects.values_list("key_id", flat=True)[0]
    MetricPoint.objects.bulk_create(
        MetricPoint(run=run, key_id=key, step=step, timestamp_ms=0, value=0.5)
        for step in range(2, 40_000)
    )
    first = taking.take(folder, QUIET).tables["lifecycle.MetricPoint"]
    MetricPoint.objects.filter(step=20_000).delete()

    second = taking.take(opened(folder), QUIET).tables["lifecycle.MetricPoint"]

    assert len(first.chunks) > 4
    assert len(set(second.chunks) - set(first.chunks)) <= 2


def test_what_a_killed_backup_wrote_is_not_written_again(folder, by):
    a_run("first", by=by, content=os.urandom(9 << 20))

    with pytest.raises(KeyboardInterrupt):
        taking.take(folder, Killed())
    second = opened(folder)
    taking.take(second, QUIET)

    assert folder.backups() == second.backups()
    assert second.written_bytes < folder.written_bytes / 10


class Killed(ActingProgress):
    """Ends the backup when all files are copied, before it has a name."""

    def end(self):
        if self._what.startswith("bytes"):
            raise KeyboardInterrupt

    def begin(self, what, total):
        self._what = what


def test_a_missing_file_is_told_and_the_backup_does_not_count_as_good(
    folder, by, capsys
):
    run = a_run("first", by=by)
    artifacts.file_path(run.artifacts.get()).unlink()

    with pytest.raises(CommandError, match="1 files were not as their rows say"):
        call_command("backup", str(folder.root))

    assert BackupRecord.last_good() is None
    assert "cannot be read" in capsys.readouterr().err


def test_a_changed_file_is_told(folder, by):
    run = a_run("first", by=by)
    artifacts.file_path(run.artifacts.get()).write_bytes(b"other")

    manifest = taking.take(folder, QUIET)

    assert "another digest" in manifest.damage[0]


def test_two_backups_at_once_both_are_whole_and_none_removes_meanwhile(folder, by):
    a_run("first", by=by)
    inner = []

    def other():
        try:
            inner.append(taking.take(opened(folder), QUIET))
        finally:
            connection.close()

    def both():
        thread = Thread(target=other)
        thread.start()
        thread.join()
        with pytest.raises(FolderBusy), opened(folder).held(alone=True):
            pass

    manifest = taking.take(folder, ActingProgress(rows=both))

    for one in (manifest, *inner):
        assert Verifier(folder, QUIET).verify(one.name) == []


def test_the_snapshot_leaves_nothing_open(folder, by):
    taking.take(folder, QUIET)

    assert list(connections) == ["default"]


def test_encrypted_backups_say_nothing_without_the_key(
    data_folder, target, by, tmp_path
):
    a_run("first", by=by, content=b"very secret weights")
    key = tmp_path / "key"

    call_command("backup", str(target), "--key-file", str(key), "--make-key")

    assert key.stat().st_mode & 0o777 == 0o600
    written = b"".join(
        path.read_bytes() for path in target.rglob("*") if path.is_file()
    )
    assert b"secret weights" not in written
    assert b"lifecycle" not in written
    call_command("backup", str(target), "--key-file", str(key), "--verify")
    with pytest.raises(CommandError, match="to be opened with its key file"):
        call_command("backup", str(target), "--verify")
    (tmp_path / "other").write_text("ab" * 32)
    with pytest.raises(CommandError, match="with another key"):
        call_command("backup", str(target), "--key-file", str(tmp_path / "other"))


def test_an_encrypted_chunk_cannot_take_the_place_of_another():
    one = seal.KeySeal(b"k" * 32)

    with pytest.raises(seal.Damaged):
        one.open("b", one.close("a", b"text"))


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_verify_finds_every_kind_of_damage(folder, by, damage, capsys):
    a_run("first", by=by)
    manifest = taking.take(folder, QUIET)
    (file,) = stored_files(folder, manifest.files["artifacts/"])
    path = folder.root / "chunks" / file.parts[0][:2] / file.parts[0]
    whole = path.read_bytes()
    {
        "cut": lambda: path.write_bytes(whole[:-1]),
        "changed": lambda: path.write_bytes(whole[:-1] + b"?"),
        "gone": path.unlink,
    }[damage]()

    with pytest.raises(CommandError, match="1 of 1 backups are damaged"):
        call_command("backup", str(folder.root), "--verify")

    assert file.key in capsys.readouterr().out


def test_a_folder_of_something_else_is_refused(data_folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()

    with pytest.raises(CommandError, match="neither empty nor a folder of backups"):
        call_command("backup", str(tmp_path / "other"))


def test_the_newest_manifest_tells_the_instants_state(folder, by):
    manifest = taking.take(folder, QUIET)

    kept = BackupManifest.from_json(opened(folder).manifest(manifest.name))
    assert kept == manifest
    assert ["core", "0001_initial"] in kept.migrations
    assert kept.database == connection.vendor
    assert "sessions.Session" in kept.left_out
