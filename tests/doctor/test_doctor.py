"""The doctor finds what is planted and nothing else, and mends with a way back."""

import json
import os
import shutil
import time
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from datasets.models import UploadSession
from deployments.models import Deployment, EnvironmentRule
from deployments.states import Status
from lifecycle import artifacts
from lifecycle.purge import purge
from mlops.core.models import (
    AuditEntry,
    DelayedDeletion,
    FilePin,
    IdempotencyRecord,
)
from mlops.doctor import files
from mlops.doctor.findings import Ailment
from tests.backup.places import a_run
from tests.deployments.factories import DeploymentFactory
from tests.lifecycle.test_purge import later

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timezone.now() - timedelta(days=3)
UNKNOWN = uuid.UUID(int=0xABAD1DEA)
"""No deployment has this id; the same in every process of the suite."""


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(settings, "DATA_DIR", folder)
    monkeypatch.setattr(files, "SETTLING_S", 0.0)
    return folder


@pytest.fixture
def run(data_folder, person):
    return a_run("first", by=person("data scientist"), content=b"weights")


def file_of(run):
    return artifacts.file_path(run.artifacts.get())


def examined(capsys, *words):
    """Return what the doctor found, by kind: where."""
    capsys.readouterr()
    try:
        call_command("doctor", "--json", *words)
        code = 0
    except CommandError:
        code = 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert code == bool(found)
    return [(one["kind"], one["where"]) for one in found]


def old(path, text=b"left"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    os.utime(path, (time.time() - 300_000,) * 2)
    return path


def test_a_store_that_is_well_has_nothing(run, capsys):
    DeploymentFactory()

    assert examined(capsys) == []
    call_command("doctor")
    assert "Nothing is wrong." in capsys.readouterr().out


def test_a_row_without_its_file(run, capsys):
    file_of(run).unlink()

    ((kind, where),) = examined(capsys)

    assert kind == Ailment.ROW_WITHOUT_FILE
    assert where.startswith("artifacts/")


@pytest.mark.parametrize("content", [b"weight?", b"longer than it was"])
def test_a_changed_file(run, capsys, content):
    file_of(run).write_bytes(content)

    assert [kind for kind, _ in examined(capsys)] == [Ailment.OTHER_DIGEST]


def test_a_quick_look_compares_sizes_only(run, capsys):
    file_of(run).write_bytes(b"weight?")

    assert examined(capsys, "--quick") == []


@pytest.mark.parametrize(
    "place",
    [
        f"artifacts/ab/{'ab' * 16}",
        "artifacts/ab/notes.txt",
        f"datasets/incoming/{'cd' * 16}",
        f"datasets/content/ef/{'ef' * 32}/data.parquet",
        f"datasets/partial/{'ab' * 16}",
        f"datasets/work/{'ab' * 16}.1/data.parquet",
        f"samples/{UNKNOWN}/1-2.parquet",
        f"run/logs/{UNKNOWN}.log",
    ],
)
def test_a_file_without_a_row_is_found_moved_and_brought_back(
    run, data_folder, capsys, place
):
    path = old(data_folder / place)
    for above in path.relative_to(data_folder).parents:
        if str(above) != ".":
            os.utime(data_folder / above, (time.time() - 300_000,) * 2)

    ((kind, where),) = examined(capsys)
    assert kind == Ailment.FILE_WITHOUT_ROW
    assert place.startswith(where)

    call_command("doctor", "--mend", "--yes")
    assert (path.exists(), examined(capsys)) == (False, [])
    assert AuditEntry.objects.filter(action="mend").count() == 1
    (quarantine,) = (data_folder / "quarantine").iterdir()
    call_command("doctor", "--undo", str(quarantine))
    assert path.read_bytes() == b"left"
    assert AuditEntry.objects.filter(action="undo").count() == 1


def test_nothing_is_mended_without_a_yes(run, data_folder, capsys, monkeypatch):
    path = old(data_folder / "artifacts" / "ab" / ("ab" * 16))
    monkeypatch.setattr("sys.stdin.readline", lambda: "n\n", raising=False)
    monkeypatch.setattr(
        "mlops.doctor.management.commands.doctor._agrees", lambda: False
    )

    with pytest.raises(CommandError, match="1 things are wrong"):
        call_command("doctor", "--mend")

    assert path.exists()
    assert "move artifacts/ab/" in capsys.readouterr().out


def test_what_a_backup_or_an_upload_may_need_is_left(run, data_folder, capsys):
    young = data_folder / "artifacts" / "ab" / ("ab" * 16)
    young.parent.mkdir(exist_ok=True)
    young.write_bytes(b"its row comes in a moment")
    assert examined(capsys) == []

    os.utime(young, (0, 0))
    pin = FilePin.take("backup")
    assert examined(capsys) == []
    FilePin.release(pin)
    assert len(examined(capsys)) == 1


def test_a_purge_that_a_backup_held_back_is_no_ailment(run, capsys):
    file = file_of(run)
    os.utime(file, (0, 0))
    pin = FilePin.take("backup")
    run.delete_softly(by=None)
    purge(later())
    FilePin.release(pin)

    assert file.exists()
    assert examined(capsys) == []
    DelayedDeletion.objects.update(asked_at=Now() - timedelta(days=2))
    assert [kind for kind, _ in examined(capsys)] == [Ailment.HALF_MADE]


def test_a_stuck_deployment(run, capsys):
    row = DeploymentFactory()
    Deployment.objects.filter(pk=row.pk).update(
        status=Status.VALIDATING, step_started_at=LONG_AGO
    )

    assert examined(capsys) == [(Ailment.STUCK, f"deployments.deployment {row.pk}")]


def test_a_request_that_never_ended_is_forgotten(run, capsys):
    record = IdempotencyRecord.objects.create(
        caller="x",
        key="k",
        method="POST",
        path="/x",
        body_sha256="",
        created_at=LONG_AGO,
        running_until=LONG_AGO,
    )

    assert examined(capsys) == [
        (Ailment.HALF_MADE, f"core.idempotencyrecord {record.pk}")
    ]
    call_command("doctor", "--mend", "--yes")
    assert not IdempotencyRecord.objects.exists()


def test_an_upload_whose_bytes_are_gone(run, person, capsys):
    upload = UploadSession.begin("a.csv", 10, by=person("data scientist"))
    UploadSession.objects.filter(pk=upload.pk).update(offset=5, updated_at=LONG_AGO)

    assert examined(capsys) == [
        (Ailment.ROW_WITHOUT_FILE, f"datasets/partial/{upload.pk.hex}")
    ]


def test_wrong_permissions_are_found_and_mended(run, data_folder, capsys):
    data_folder.chmod(0o755)
    file_of(run).chmod(0o666)
    (data_folder / "hook_key").write_text("x")
    (data_folder / "hook_key").chmod(0o644)

    assert [kind for kind, _ in examined(capsys)] == [Ailment.PERMISSIONS] * 3
    call_command("doctor", "--mend", "--yes")
    assert examined(capsys) == []


def test_a_link_is_told(run, data_folder, capsys):
    path = file_of(run)
    shutil.move(path, path.with_name("0" * 32))
    path.symlink_to(path.with_name("0" * 32))

    assert Ailment.PERMISSIONS in {kind for kind, _ in examined(capsys)}


def test_a_file_from_the_future(run, capsys):
    os.utime(file_of(run), (time.time() + 9999,) * 2)

    assert [kind for kind, _ in examined(capsys)] == [Ailment.CLOCKS]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 3.9", "Python 3.9"),
        ("echo 3.12; exit 1", "no numpy"),
        ("echo hello", "no Python"),
    ],
)
def test_an_interpreter_that_will_not_do(run, tmp_path, capsys, script, says):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    rule = EnvironmentRule.objects.get(pk="staging")
    EnvironmentRule.objects.filter(pk=rule.pk).update(interpreter=str(program))
    try:
        with pytest.raises(CommandError):
            call_command("doctor")
        assert says in capsys.readouterr().out
    finally:
        EnvironmentRule.objects.filter(pk=rule.pk).update(interpreter="")


def test_a_missing_migration(run, capsys):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name FROM django_migrations WHERE app = 'deployments'"
            " ORDER BY id DESC LIMIT 1"
        )
        pk, name = cursor.fetchone()
        cursor.execute("UPDATE django_migrations SET app = 'x' WHERE id = %s", [pk])
    try:
        assert examined(capsys) == [(Ailment.MIGRATIONS, f"deployments.{name}")]
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE django_migrations SET app = 'deployments' WHERE id = %s", [pk]
            )


def test_the_doctor_only_reads(run, data_folder, capsys):
    old(data_folder / "artifacts" / "ab" / ("ab" * 16))
    before = sorted(data_folder.rglob("*"))
    count = AuditEntry.objects.count()

    examined(capsys)

    assert sorted(data_folder.rglob("*")) == before
    assert AuditEntry.objects.count() == count
