"""An export: the tables of MLflow's newest schema, filled from ours."""

import io
import sqlite3
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command

from lifecycle.models import Artifact, Experiment, ModelVersion, Run
from lifecycle.paths import stored_key
from mlops.core.byte_store import byte_store
from tests.lifecycle.importing.history import bring_in, unpacked

pytestmark = pytest.mark.django_db


def export(folder):
    out = io.StringIO()
    call_command("export_mlflow", str(folder), stdout=out, stderr=out)
    return out.getvalue()


def rows(folder, statement):
    with closing(sqlite3.connect(folder / "mlflow.db")) as store:
        return store.execute(statement).fetchall()


@pytest.fixture
def imported(tmp_path):
    history = unpacked("sql-3.17.2", tmp_path / "original")
    bring_in(history.source, artifacts=history.artifacts)
    return history


@pytest.mark.parametrize(
    "table",
    [
        *("experiment_tags", "metrics", "latest_metrics", "params", "tags"),
        *("logged_model_metrics", "logged_model_params"),
        *("logged_model_tags", "registered_models", "registered_model_tags"),
        *("registered_model_aliases", "alembic_version"),
    ],
)
def test_a_table_is_written_as_it_was(imported, tmp_path, table):
    target = tmp_path / "out"
    export(target)

    original = rows_of_original(imported, table)

    assert sorted(rows(target, f"SELECT * FROM {table}")) == sorted(original)


def rows_of_original(history, table):
    with closing(sqlite3.connect(history.folder / "store.db")) as store:
        return store.execute(f"SELECT * FROM {table}").fetchall()


def test_no_tag_of_the_import_goes_out(imported, tmp_path):
    export(tmp_path / "out")

    for table, key in (
        ("tags", "key"),
        ("experiment_tags", "key"),
        ("model_version_tags", "key"),
        ("logged_model_tags", "tag_key"),
    ):
        statement = f"SELECT count(*) FROM {table} WHERE {key} LIKE 'mlops.import.%'"
        assert rows(tmp_path / "out", statement) == [(0,)]


def test_files_lie_where_their_addresses_say(imported, tmp_path):
    export(tmp_path / "out")

    statement = "SELECT artifact_uri FROM runs WHERE name = 'parent'"
    ((uri,),) = rows(tmp_path / "out", statement)
    folder = tmp_path / "out/artifacts" / uri.removeprefix("mlflow-artifacts:/")
    assert (folder / "ünï cödé 한글.txt").read_text() == "héllo\n"


def test_numbers_of_deleted_versions_stay_taken(imported, tmp_path):
    export(tmp_path / "out")

    statement = "SELECT version FROM model_versions WHERE current_stage LIKE 'Deleted%'"
    assert rows(tmp_path / "out", statement) == [(4,)]


def test_what_was_made_here_goes_out_too(api, tmp_path):
    client = api("admin")
    base = "/api/v1/ml/lifecycle"
    client.post(f"{base}/experiments", {"name": "ours", "description": "why"})
    body = {
        "run_id": "our-first-run",
        "experiment_name": "ours",
        "parameters": [{"name": "depth", "value": 3}],
        "metrics": [
            {"metric_name": "f1", "value": 0.5, "dataset": "a"},
            {"metric_name": "f1", "value": 0.7, "dataset": "b"},
        ],
        "tags": ["hot"],
    }
    assert client.post(f"{base}/runs", body).status_code == 201

    said = export(tmp_path / "out")

    assert rows(tmp_path / "out", "SELECT run_uuid, status FROM runs") == [
        ("our-first-run", "RUNNING")
    ]
    assert rows(tmp_path / "out", "SELECT key, value FROM params") == [("depth", "3")]
    assert rows(tmp_path / "out", "SELECT count(*) FROM metrics") == [(2,)]
    assert "rows of latest_metrics that MLflow keeps once" in said


def test_a_folder_with_anything_in_it_is_left_alone(imported, tmp_path):
    (tmp_path / "mine").write_text("x")

    with pytest.raises(CommandError, match="not empty"):
        export(tmp_path)

    assert not (tmp_path / "mlflow.db").exists()


def test_a_file_that_is_gone_is_named(imported, tmp_path):
    artifact = Artifact.objects.get(path="empty.bin")
    byte_store().delete(stored_key(artifact.pk))

    with pytest.raises(CommandError, match="1 things"):
        export(tmp_path / "out")


def test_an_export_changes_nothing_here(imported, tmp_path):
    before = [model.objects.count() for model in (Experiment, Run, ModelVersion)]

    export(tmp_path / "out")

    assert [m.objects.count() for m in (Experiment, Run, ModelVersion)] == before
