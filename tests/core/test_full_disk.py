"""What uploads come to when the data folder has no room, or may not be written to."""

import logging

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from datasets.analytics import engine
from datasets.models import Dataset
from lifecycle.mlflow import identity
from lifecycle.models import Artifact
from mlops.core.models import ApiToken
from tests.datasets.conftest import DATASETS, PRICES, files_below
from tests.disk import SmallDisk
from tests.lifecycle.factories import RunFactory

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

UPLOADS = "/api/v1/features/uploads"
LARGE = b"x" * (3 << 20)  # more than Django keeps in memory


@pytest.fixture
def disk(settings):
    made, before = SmallDisk(), engine.settings()
    settings.DATA_DIR = made.path
    folder = made.path / "uploads"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(folder)
    engine.configure(made.path / "datasets")
    yield made
    engine.restore(before)
    made.close()


@pytest.fixture(autouse=True)
def _quiet():
    """Keep no records: one that holds an error holds its request, and its files."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def scientist(person):
    """Return a client with a token: the MLflow API takes nothing else."""
    identity.forget()
    _, token = ApiToken.issue(person("data scientist"), "uploads")
    return APIClient(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def run(person):
    return RunFactory(experiment__created_by=person("data scientist"))


def an_artifact(client, run, content=LARGE):
    url = f"/api/v1/ml/lifecycle/runs/{run.uid}/artifacts"
    body = {"path": "a.bin", "file": SimpleUploadedFile("a.bin", content)}
    return client.post(url, body, format="multipart")


def an_artifact_of_mlflow(client, run, content=LARGE):
    place = f"{run.experiment_id}/{run.uid}/artifacts/a.bin"
    url = f"/api/2.0/mlflow-artifacts/artifacts/{place}"
    return client.generic("PUT", url, content, "application/octet-stream")


def a_dataset(client, _run, content=None):
    content = content or PRICES.encode() + b"2024-02-01,AAPL,1,1\n" * 200_000
    body = {"name": "prices", "file": SimpleUploadedFile("prices.csv", content)}
    return client.post(DATASETS, body, format="multipart")


def outcome(answer):
    return answer.status_code, answer.content


KINDS = [an_artifact, an_artifact_of_mlflow, a_dataset]


@pytest.mark.parametrize("upload", KINDS)
def test_an_upload_to_a_full_disk_is_refused_whole(upload, scientist, run, disk):
    disk.fill()

    status, said = outcome(upload(scientist, run))
    disk.free()

    assert status == 503
    assert b"is full" in said
    assert files_below(disk.path) == []
    assert not Artifact.objects.exists()
    assert not Dataset.objects.exists()
    assert upload(scientist, run).status_code in {200, 201}


@pytest.mark.parametrize("upload", KINDS)
def test_an_upload_to_a_write_protected_disk_is_refused(upload, scientist, run, disk):
    disk.protect()

    status, said = outcome(upload(scientist, run))
    disk.release()

    assert status == 503
    assert b"write-protected" in said
    assert upload(scientist, run).status_code in {200, 201}


def test_a_chunk_that_does_not_fit_can_be_sent_again(scientist, disk):
    body = {"name": "prices.csv", "size_bytes": len(LARGE)}
    begun = scientist.post(UPLOADS, body).json()["id"]
    disk.fill()

    refused = send(scientist, begun)
    disk.free()
    offset = scientist.get(f"{UPLOADS}/{begun}")["Upload-Offset"]
    again = send(scientist, begun, int(offset))

    assert refused.status_code == 503
    assert again["Upload-Offset"] == str(len(LARGE))


def send(client, upload, offset=0):
    return client.generic(
        "PATCH",
        f"{UPLOADS}/{upload}",
        LARGE[offset:],
        content_type="application/offset+octet-stream",
        HTTP_UPLOAD_OFFSET=str(offset),
    )


def test_readiness_says_that_the_folder_is_not_writable(client, disk):
    disk.fill()

    answer = client.get("/readyz")
    disk.free()

    assert answer.json()["checks"]["data_folder"] == "not writable"
    assert client.get("/readyz").status_code == 200
