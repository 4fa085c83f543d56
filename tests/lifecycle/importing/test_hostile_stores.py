"""Stores that were damaged, or made to break out: refused, and the rest comes in."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from lifecycle.models import Artifact, Experiment, ModelAlias, Run
from tests.lifecycle.importing.history import bring_in, unpacked

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(tmp_path):
    return unpacked("sql-3.4.0", tmp_path)


@pytest.fixture
def files(tmp_path):
    return unpacked("files-3.4.0", tmp_path)


def edit(history, *statements):
    with closing(sqlite3.connect(history.folder / "store.db")) as store, store:
        store.execute("PRAGMA ignore_check_constraints = 1")
        for statement in statements:
            store.execute(statement)


def parent_of(history):
    return next(
        one["info"]["run_id"]
        for one in history.answers["runs"]
        if one["info"].get("run_name") == "parent"
    )


def folder_of(history):
    return history.artifacts / "hard" / parent_of(history) / "artifacts"


@pytest.mark.parametrize("uid", ["../../etc", "a/b", "x\ny", "", "..", "é" * 8])
def test_an_id_that_could_be_a_path_is_refused(history, uid):
    edit(
        history,
        f"UPDATE runs SET run_uuid = '{uid}' WHERE status = 'FAILED'",
    )

    report, ended_well, _ = bring_in(history.source, artifacts=history.artifacts)

    assert not ended_well
    assert report["refused"] == {"runs": 1}
    assert Run.objects.count() == 7


def test_a_logged_model_whose_id_is_too_long_is_refused_with_the_reason(history):
    edit(history, "UPDATE logged_models SET model_id = model_id || '-2'")

    report, ended_well, _ = bring_in(history.source, artifacts=history.artifacts)

    assert not ended_well
    assert report["refused"] == {"logged models": 1}
    assert "longer than the 34 characters" in str(report["named"])
    assert Run.objects.count() == 8


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE metrics SET value = 'much' WHERE key = 'third'", "points"),
        ("UPDATE metrics SET step = 'one' WHERE key = 'third'", "points"),
        ("UPDATE metrics SET timestamp = 1e300 WHERE key = 'third'", "points"),
        ("UPDATE runs SET start_time = 'noon' WHERE status = 'FAILED'", "runs"),
        ("UPDATE runs SET status = 'ASLEEP' WHERE status = 'FAILED'", "runs"),
        ("UPDATE params SET value = 'a' || char(0) || 'b' WHERE key = 'in'", "runs"),
        ("UPDATE params SET value = x'ff00' WHERE key = 'in'", "runs"),
        ("UPDATE model_versions SET current_stage = 'x' WHERE version = 2", "versions"),
        ("UPDATE model_versions SET version = -1 WHERE version = 2", "versions"),
        ("UPDATE logged_models SET status = 9", "logged models"),
    ],
)
def test_what_no_column_may_hold_is_refused_by_name(history, statement, kind):
    edit(history, statement)

    report, ended_well, said = bring_in(history.source, artifacts=history.artifacts)

    assert not ended_well
    assert report["refused"] == {kind: 1}, said
    assert len(report["named"]) >= 1


def test_times_that_are_missing_are_never_today(history):
    edit(
        history,
        "UPDATE experiments SET creation_time = NULL, last_update_time = NULL",
        "UPDATE runs SET deleted_time = NULL, start_time = NULL",
    )

    bring_in(history.source, artifacts=history.artifacts)

    for one in Experiment.objects.exclude(name="Default"):
        assert one.created_at.year == 2020
    gone = Experiment.objects.get(name="gone")
    assert gone.deleted_at.year == 2020
    assert Run.objects.get(deleted_ms__isnull=False).deleted_ms == 1_600_000_050_500


def test_aliases_that_dangle_are_counted(history):
    edit(history, "UPDATE registered_model_aliases SET version = 77")

    report, ended_well, _ = bring_in(history.source, artifacts=history.artifacts)

    assert ended_well
    assert report["left_out"]["aliases that point to no version"] == 2
    assert not ModelAlias.objects.exists()


def test_links_and_what_they_lead_to_are_not_read(history, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (folder_of(history) / "link").symlink_to(secret / "key")
    (folder_of(history) / "folder").symlink_to(secret)

    report, ended_well, _ = bring_in(history.source, artifacts=history.artifacts)

    assert not ended_well
    assert report["refused"] == {"files": 2}
    assert not Artifact.objects.filter(path__contains="key").exists()


def test_a_folder_of_a_run_that_is_a_link_is_not_followed(history, tmp_path):
    folder = folder_of(history)
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")

    bring_in(history.source, "--allow-missing-files", artifacts=history.artifacts)

    assert not Artifact.objects.filter(run__uid=parent_of(history)).exists()


@pytest.mark.parametrize(
    "uri",
    [
        "file:///C:/Users/ada/mlruns/artifacts/hard/{run}/artifacts",
        "artifacts\\hard\\{run}\\artifacts",
        "./hard/{run}/artifacts",
        "mlflow-artifacts:/hard/{run}/artifacts",
        "mlflow-artifacts://host:5000/artifacts/hard/{run}/artifacts",
        "/somewhere/else/artifacts/hard/{run}/artifacts",
    ],
)
def test_an_address_of_another_machine_is_found_by_its_end(history, uri):
    run = parent_of(history)
    uri = uri.format(run=run)
    edit(history, f"UPDATE runs SET artifact_uri='{uri}' WHERE run_uuid='{run}'")

    _, ended_well, said = bring_in(history.source, artifacts=history.artifacts)

    assert ended_well, said
    assert Artifact.objects.filter(run__uid=run).count() == 7


@pytest.mark.parametrize("uri", ["/etc/{run}", "../../../etc/{run}/artifacts", "/etc"])
def test_an_address_is_never_opened(history, uri):
    run = parent_of(history)
    uri = uri.format(run=run)
    edit(history, f"UPDATE runs SET artifact_uri='{uri}' WHERE run_uuid='{run}'")

    report, ended_well, _ = bring_in(history.source, artifacts=history.artifacts)

    assert not ended_well
    assert report["missing_files"] == 1
    assert not Artifact.objects.filter(run__uid=run).exists()


def test_a_huge_or_twisted_yaml_is_refused(files):
    root = files.folder / "mlruns"
    runs = sorted(root.glob("*/*/meta.yaml"))
    runs = [one for one in runs if len(one.parent.name) == 32]
    runs[0].write_text("a: " + "x" * (2 << 20))
    runs[1].write_text("a: &a [1]\nb: [*a, *a]\n")
    runs[2].write_text("!!python/object/apply:os.system ['touch /tmp/x']")

    report, ended_well, _ = bring_in(files.source, artifacts=files.folder)

    assert not ended_well
    assert report["refused"]["runs"] == 3


def test_a_meta_that_is_a_link_is_not_read(files, tmp_path):
    root = files.folder / "mlruns"
    run = next(one for one in root.glob("*/*/meta.yaml") if len(one.parent.name) == 32)
    shutil.move(run, tmp_path / "meta.yaml")
    run.symlink_to(tmp_path / "meta.yaml")

    report, ended_well, _ = bring_in(files.source, artifacts=files.folder)

    assert not ended_well
    assert report["refused"]["runs"] == 1


def test_what_is_no_store_is_said(tmp_path):
    (tmp_path / "text.db").write_text("no database")
    for source in ("text.db", "nothing", "."):
        _, ended_well, _ = bring_in(str(tmp_path / source))
        assert not ended_well
    _, ended_well, _ = bring_in("oracle://host/db")
    assert not ended_well
