"""Artifacts on the MLflow API: up, down, in part, listed, deleted."""

import hashlib
import io
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from lifecycle import artifacts
from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.views.artifacts import body_of
from lifecycle.models import Artifact, Run
from lifecycle.models.version import ModelVersion
from tests.lifecycle.factories import stored
from tests.lifecycle.mlflow.conftest import FILES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(experiment, run_id):
    return f"{experiment}/{run_id}/artifacts"


def stored_files():
    folder = settings.DATA_DIR / "artifacts"
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_file_comes_back_as_it_went_up(mlflow, place, run_id):
    content = b"\x00\xff" * 70_000

    up = mlflow.put(f"{place}/dir/%C3%BCber%20file+1.bin", content)
    down = mlflow.file("GET", f"{place}/dir/%C3%BCber%20file+1.bin")

    assert up.status == 200
    assert down.raw == content
    artifact = Artifact.objects.get()
    assert (artifact.path, artifact.run.uid) == ("dir/über file+1.bin", run_id)
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()


def test_an_empty_file_is_a_file(mlflow, place):
    mlflow.put(f"{place}/empty", b"")

    assert mlflow.file("GET", f"{place}/empty").raw == b""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=2-4", (206, b"234", "bytes 2-4/10")),
        ("bytes=7-", (206, b"789", "bytes 7-9/10")),
        ("bytes=-3", (206, b"789", "bytes 7-9/10")),
        ("bytes=5-99", (206, b"56789", "bytes 5-9/10")),
        ("bytes=10-", (416, b"", "bytes */10")),
        ("bytes=4-2", (416, b"", "bytes */10")),
        ("lines=1-2", (200, b"0123456789", None)),
    ],
)
def test_a_part_can_be_asked_for(mlflow, place, asked, expected):
    mlflow.put(f"{place}/a.bin", b"0123456789")

    part = mlflow.file("GET", f"{place}/a.bin", Range=asked)

    span = part.headers.get("Content-Range")
    assert (part.status, part.raw, span) == expected


def test_a_second_upload_replaces_the_file_and_leaves_no_other(mlflow, place):
    before = stored_files()
    for content in (b"one", b"two"):
        mlflow.put(f"{place}/a.txt", content)

    assert mlflow.file("GET", f"{place}/a.txt").raw == b"two"
    assert len(stored_files() - before) == 1


def test_folders_are_listed_one_level_at_a_time(mlflow, place, run_id):
    for path in ("a.txt", "dir/b.txt", "dir/sub/c.txt", "dirt/d.txt", "Dir/e.txt"):
        mlflow.put(f"{place}/{path}", b"12345")

    top = mlflow.get("artifacts/list", run_id=run_id).body
    inner = mlflow.get("artifacts/list", run_id=run_id, path="dir").body
    proxied = mlflow.send("GET", FILES, query={"path": f"{place}/dir"}).body

    assert [(f["path"], f["is_dir"]) for f in top["files"]] == [
        ("Dir", True),
        ("a.txt", False),
        ("dir", True),
        ("dirt", True),
    ]
    assert [f["path"] for f in inner["files"]] == ["dir/b.txt", "dir/sub"]
    assert proxied["files"] == [
        {"path": "b.txt", "is_dir": False, "file_size": 5},
        {"path": "sub", "is_dir": True},
    ]
    assert top["root_uri"].endswith(f"/{run_id}/artifacts")


def test_a_file_is_no_folder(mlflow, place, api, run_id):
    mlflow.put(f"{place}/ff", b"1")

    below = mlflow.put(f"{place}/ff/y", b"2")
    rest = api("data scientist").post(
        f"/api/v1/ml/lifecycle/runs/{run_id}/artifacts",
        {"path": "ff/y", "file": SimpleUploadedFile("y", b"2")},
        format="multipart",
    )

    assert (below.status, below.code) == (400, "INVALID_PARAMETER_VALUE")
    assert "'ff' is a file" in below.message
    assert rest.status_code == 422


def test_a_file_or_a_folder_is_deleted_with_its_bytes(mlflow, place):
    before = stored_files()
    for path in ("a.txt", "dir/b.txt", "dir/c.txt", "dirt.txt"):
        mlflow.put(f"{place}/{path}", b"12345")

    mlflow.file("DELETE", f"{place}/a.txt")
    mlflow.file("DELETE", f"{place}/dir")

    assert [artifact.path for artifact in Artifact.objects.all()] == ["dirt.txt"]
    assert len(stored_files() - before) == 1


def test_a_file_that_a_version_serves_is_neither_replaced_nor_deleted(
    mlflow, place, run_id
):
    mlflow.put(f"{place}/model/model.onnx", b"weights")
    mlflow.put(f"{place}/model/MLmodel", b"flavors")
    mlflow.ok("registered-models/create", name="m")
    mlflow.ok(
        "model-versions/create", name="m", source=f"runs:/{run_id}/model", run_id=run_id
    )

    replaced = mlflow.put(f"{place}/model/model.onnx", b"other")
    deleted = mlflow.file("DELETE", f"{place}/model")

    assert (replaced.status, deleted.status) == (400, 400)
    assert mlflow.file("GET", f"{place}/model/model.onnx").raw == b"weights"
    assert mlflow.file("GET", f"{place}/model/MLmodel").raw == b"flavors"
    assert ModelVersion.objects.get().artifact.path == "model/model.onnx"


def test_a_deleted_run_takes_no_files(mlflow, place, run_id):
    mlflow.ok("runs/delete", run_id=run_id)

    assert mlflow.put(f"{place}/a.txt", b"1").status == 400
    assert not Artifact.objects.exists()


def test_a_registered_version_gives_its_files(mlflow, place, run_id):
    mlflow.put(f"{place}/model/MLmodel", b"flavors: {}")
    mlflow.ok("registered-models/create", name="m")
    mlflow.ok(
        "model-versions/create", name="m", source=f"runs:/{run_id}/model", run_id=run_id
    )
    version = {"name": "m", "version": "1"}

    uri = mlflow.get("model-versions/get-download-uri", **version).body["artifact_uri"]
    file = mlflow.send(
        "GET", "/model-versions/get-artifact", query={**version, "path": "MLmodel"}
    )

    assert uri == f"mlflow-artifacts:/{place}/model"
    assert file.raw == b"flavors: {}"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("dog+step%20%1.png", "dog+step%20%1.png"),
        ("two words.txt", '"two words.txt"'),
        ("prix-é.txt", "prix-_.txt"),
        ('a"b.txt', '"a\\"b.txt"'),
    ],
)
def test_a_download_names_its_file_for_every_client(mlflow, run_id, name, plain):
    stored(Run.objects.get(uid=run_id), f"d/{name}")

    answer = mlflow.send(
        "GET", "/get-artifact", query={"run_id": run_id, "path": f"d/{name}"}
    )

    said = answer.headers["Content-Disposition"]
    assert said == f"attachment; filename={plain}; filename*=UTF-8''{quote(name)}"


def test_markup_is_a_download_and_never_a_page(mlflow, place, run_id):
    for name in ("x.html", "x.svg"):
        mlflow.put(f"{place}/{name}", b"<script>alert(1)</script>")
        for answer in (
            mlflow.file("GET", f"{place}/{name}"),
            mlflow.send("GET", "/get-artifact", query={"run_id": run_id, "path": name}),
        ):
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_files_are_for_the_server_s_user_only(mlflow, place):
    mlflow.put(f"{place}/a.txt", b"1")
    file = next(
        path
        for path in (settings.DATA_DIR / "artifacts").rglob("*")
        if path.name == Artifact.objects.get().pk.hex
    )

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_an_upload_that_ends_early_leaves_nothing(run_id, rf):
    before = stored_files()
    request = rf.put("/", b"12345", content_type="application/octet-stream")
    request.META["CONTENT_LENGTH"] = "10"
    request._stream = io.BytesIO(b"12345")  # a client that hung up

    with pytest.raises(InvalidValue, match="ended before"):
        artifacts.save(Run.objects.get(uid=run_id), "a", body_of(request), by=None)

    assert not Artifact.objects.exists()
    assert stored_files() == before


def test_what_was_put_here_is_an_artifact_of_the_run_on_rest(
    mlflow, api, place, run_id
):
    mlflow.put(f"{place}/a.txt", b"12345")

    listed = api("viewer").get(f"/api/v1/ml/lifecycle/runs/{run_id}/artifacts").json()

    assert [one["path"] for one in listed] == ["a.txt"]
    assert Run.objects.get(uid=run_id).artifacts.count() == 1


def test_a_run_without_files_has_an_empty_list_for_the_pages(mlflow, run_id):
    assert mlflow.get("artifacts/list", run_id=run_id).body["files"] == []
