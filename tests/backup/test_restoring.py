"""A restore is a copy in an empty place, on either database, and says what it lacks."""

import json
import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from deployments.models import AlertDelivery, AlertHook, Lease
from lifecycle.models import DriftEvent, Experiment, MetricPoint
from mlops import env
from mlops.backup import taking
from mlops.backup.folder import BackupFolder
from mlops.backup.loading import BadVersion, require_known
from mlops.backup.manifest import BackupManifest
from mlops.backup.seal import NoSeal
from mlops.core.models import ApiToken, AuditEntry, BackupRecord
from tests import pg
from tests.backup.places import QUIET, Installation, a_run, contents_of
from tests.deployments.factories import DeploymentFactory
from tests.lifecycle.factories import VersionFactory

pytestmark = pytest.mark.django_db(transaction=True)

CHANGED = {
    "core.AuditEntry",  # that it was restored
    "deployments.AlertHook",
    "deployments.Deployment",
    "datasets.IngestJob",
    "auth.Permission",
    "auth.Group_permissions",
}
"""Tables in which a copy differs from what it is of."""


@pytest.fixture
def folder(data_folder, target):
    return BackupFolder.begun(target, NoSeal())


@pytest.fixture
def copy(tmp_path):
    """An empty place on SQLite."""
    place = Installation(tmp_path / "copy")
    place.folder.mkdir()
    return place


@pytest.fixture
def on_postgresql(tmp_path):
    """An empty place on PostgreSQL."""
    binaries = pg.find_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL")
    with pg.private_server(binaries) as server:
        place = Installation(tmp_path / "copy-pg", server.url)
        place.folder.mkdir()
        yield place


@pytest.fixture
def filled(folder, person):
    """A backup of a store with something of each kind in it."""
    by = person("data scientist")
    run = a_run("first", by=by, content=os.urandom(5 << 20), points=7)
    MetricPoint.objects.filter(step=3).update(value=float("inf"))
    a_run("second", by=by, content=b"")
    DeploymentFactory()
    hook = AlertHook.objects.create(name="chat", url="https://93.184.216.34/")
    event = DriftEvent.objects.create(
        version=VersionFactory(run=run),
        severity="high",
        metric_name="psi",
        metric_value=0.4,
        threshold=0.2,
        message="Δ drifted",
    )
    AlertDelivery.objects.create(hook=hook, event=event)
    ApiToken.issue(by, "program", scopes=[], expires_at=None)
    Lease.objects.create(
        pk="reconciler", holder="x", fence=3, expires_at=timezone.now()
    )
    return taking.take(folder, QUIET)


def alike(folder, backup, found):
    was = contents_of(folder, backup.name)
    assert was.keys() == found.keys()
    for name in was.keys() - CHANGED:
        assert found[name] == was[name], name
    for name in CHANGED:
        assert len(found[name]) >= len(was[name])


def test_a_copy_has_every_row_and_file_and_its_own_name(folder, filled, copy):
    said = copy.run("restore", folder.root)

    alike(folder, filled, copy.contents())
    assert "sessions.Session" in said
    assert "Alert hooks are switched off: chat" in said
    assert "1 messages were not delivered" in said
    assert "It needs the hook key" in said
    before = said.index("sessions.Session")
    assert before < said.index("rows:")
    assert not (copy.folder / "restoring.json").exists()
    copy.run("check", "--database", "default")


@pytest.mark.slow
def test_a_copy_on_the_other_database_and_back_is_the_same(
    folder, filled, on_postgresql, copy, tmp_path
):
    on_postgresql.run("restore", folder.root)
    alike(folder, filled, on_postgresql.contents())
    back = tmp_path / "back"
    on_postgresql.run("backup", back)

    copy.run("restore", back)

    alike(folder, filled, copy.contents())


@pytest.mark.slow
def test_numbers_go_on_after_those_that_were_given_out(
    folder, person, copy, on_postgresql
):
    by = person("data scientist")
    Experiment.create("first", by=by)
    last = Experiment.create("last", by=by).pk
    Experiment.objects.filter(pk=last).delete()
    taking.take(folder, QUIET)
    script = (
        "from lifecycle.models import Experiment;"
        "print('next', Experiment.create('new', by=None).pk)"
    )

    for place in (copy, on_postgresql):
        place.run("restore", folder.root)
        assert f"next {last + 1}" in place.run("shell", "-c", script)


@pytest.mark.slow
def test_a_place_that_is_used_is_refused_and_replaced_where_that_is_said(
    folder, filled, copy
):
    copy.run("migrate", "-v0")
    copy.run("restore", folder.root)
    script = (
        "from lifecycle.models import Experiment; Experiment.create('mine', by=None)"
    )
    copy.run("shell", "-c", script)

    assert "say --replace" in copy.run("restore", folder.root, fails=True)
    assert "mine" in json.dumps(copy.contents())
    copy.run("restore", folder.root, "--replace")

    alike(folder, filled, copy.contents())
    assert list(copy.folder.glob("mlops.sqlite3.replaced-*"))


@pytest.mark.slow
def test_a_used_postgresql_is_replaced_too(folder, filled, on_postgresql):
    on_postgresql.run("restore", folder.root)

    on_postgresql.run("restore", folder.root, fails=True)
    on_postgresql.run("restore", folder.root, "--replace")

    alike(folder, filled, on_postgresql.contents())


@pytest.mark.slow
def test_files_that_are_in_the_way_are_refused(folder, filled, copy):
    (copy.folder / "artifacts" / "ab").mkdir(parents=True)
    (copy.folder / "artifacts" / "ab" / ("ab" * 16)).write_bytes(b"old")

    assert "holds files below artifacts/" in copy.run(
        "restore", folder.root, fails=True
    )


@pytest.mark.slow
def test_nothing_starts_where_a_restore_did_not_end(folder, filled, copy):
    (file,) = [path for _, path in folder.names() if path.stat().st_size > 100_000][:1]
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    said = copy.run("restore", folder.root, fails=True)
    assert "Nothing starts here" in said

    for command in ("migrate", "check", "reconcile", "serve_models", "backup"):
        said = copy.run(command, fails=True)
        assert "did not end" in said

    file.write_bytes(whole)
    copy.run("restore", folder.root)
    alike(folder, filled, copy.contents())


def test_a_backup_of_a_newer_version_is_refused(filled):
    newer = BackupManifest.from_json(filled.to_json())
    newer.migrations.append(["core", "9999_of_the_future"])

    with pytest.raises(BadVersion, match="9999_of_the_future"):
        require_known(newer)


@pytest.mark.slow
def test_secrets_of_hooks_need_their_key_and_say_so(folder, filled, copy):
    copy.run("restore", folder.root)
    script = (
        "from deployments.models import AlertHook;"
        "print('secret', AlertHook.objects.get().secret)"
    )

    assert "which is not here" in copy.run("shell", "-c", script, fails=True)
    key = settings.HOOK_KEYS[0].hex()
    said = copy.run("shell", "-c", script, MLOPS_HOOK_KEY=f"{'cd' * 32},{key}")
    assert f"secret {AlertHook.objects.get().secret}" in said


@pytest.mark.slow
def test_an_encrypted_backup_is_restored_with_its_key(
    data_folder, target, person, copy, tmp_path
):
    a_run("first", by=person("data scientist"))
    key = tmp_path / "key"
    call_command("backup", str(target), "--key-file", str(key), "--make-key")

    assert "its key file" in copy.run("restore", target, fails=True)
    copy.run("restore", target, "--key-file", key)

    assert len(copy.contents()["lifecycle.Run"]) == 1


@pytest.mark.slow
def test_the_folder_remembers_that_a_restore_was_tried(folder, filled, copy):
    copy.run("restore", folder.root)

    taking.take(folder, QUIET)

    assert timezone.now() - BackupRecord.last_tried() < timedelta(minutes=5)


@pytest.mark.slow
def test_what_migrations_put_in_is_not_there_twice(folder, filled, copy):
    copy.run("restore", folder.root)

    found = copy.contents()
    assert len(found["deployments.EnvironmentRule"]) == 3
    assert len(found["auth.Group"]) == 5


@pytest.mark.slow
def test_the_trail_says_that_it_was_restored(folder, filled, copy):
    count = AuditEntry.objects.count()

    copy.run("restore", folder.root)

    trail = copy.contents()["core.AuditEntry"]
    assert len(trail) == count + 1
    assert sum('"action": "restore"' in entry for entry in trail) == 1


@pytest.mark.parametrize("command", ["migrate", "reconcile", "", "serve_models"])
def test_every_program_refuses_a_place_that_is_half_restored(tmp_path, command):
    (tmp_path / env.RESTORING).touch()

    with pytest.raises(env.BadSetting, match="did not end"):
        env.refuse_half_restored(tmp_path, command)
    env.refuse_half_restored(tmp_path, "restore")


@pytest.mark.parametrize("text", ["abc", "zz" * 32, f"{'ab' * 32},x"])
def test_what_is_no_key_of_hooks_is_refused(monkeypatch, text):
    monkeypatch.setenv("MLOPS_HOOK_KEY", text)

    with pytest.raises(env.BadSetting, match="MLOPS_HOOK_KEY"):
        env.keys("MLOPS_HOOK_KEY")
