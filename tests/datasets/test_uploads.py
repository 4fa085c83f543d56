"""Resumable uploads: chunks, offsets, races, and what is left of them."""

import os

import pytest

from datasets import sweeping
from datasets.errors import UploadNotFound
from datasets.models import UploadSession
from tests.datasets.conftest import DATASETS, PRICES, files_below

pytestmark = pytest.mark.django_db
UPLOADS = "/api/v1/features/uploads"
BYTES = PRICES.encode()


@pytest.fixture
def scientist(api, data_dir):
    return api("data scientist")


@pytest.fixture
def begun(scientist):
    body = {"name": "prices.csv", "size_bytes": len(BYTES)}
    return scientist.post(UPLOADS, body).json()["id"]


def send(client, upload, offset, chunk):
    return client.generic(
        "PATCH",
        f"{UPLOADS}/{upload}",
        chunk,
        content_type="application/offset+octet-stream",
        HTTP_UPLOAD_OFFSET=str(offset),
    )


def test_a_file_arrives_in_chunks_and_becomes_a_dataset(scientist, begun, data_dir):
    half = len(BYTES) // 2

    first = send(scientist, begun, 0, BYTES[:half])
    asked = scientist.get(f"{UPLOADS}/{begun}")
    send(scientist, begun, half, BYTES[half:])
    made = scientist.post(DATASETS, {"name": "prices", "upload_id": [begun]})

    assert first["Upload-Offset"] == asked["Upload-Offset"] == str(half)
    assert made.status_code == 201, made.json()
    assert (made.json()["state"], made.json()["row_count"]) == ("ready", 56)
    assert not UploadSession.objects.exists()
    left = files_below(data_dir / "datasets")
    assert all(path.startswith("content/") for path in left)


def test_a_chunk_at_the_wrong_place_is_a_conflict_that_changes_nothing(
    scientist, begun
):
    send(scientist, begun, 0, BYTES[:10])

    answer = send(scientist, begun, 5, BYTES[5:20])

    assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch")
    assert scientist.get(f"{UPLOADS}/{begun}").json()["offset"] == 10


def test_a_chunk_of_another_type_is_told_the_right_one(scientist, begun):
    answer = scientist.generic(
        "PATCH",
        f"{UPLOADS}/{begun}",
        BYTES,
        content_type="application/octet-stream",
        HTTP_UPLOAD_OFFSET="0",
    )

    assert answer.status_code == 415
    assert "application/offset+octet-stream" in answer.json()["detail"]


def test_more_bytes_than_announced_are_refused(scientist, begun):
    answer = send(scientist, begun, 0, BYTES + b"x")

    assert answer.status_code == 413
    assert scientist.get(f"{UPLOADS}/{begun}").json()["offset"] <= len(BYTES)


def test_an_unfinished_upload_makes_no_dataset(scientist, begun):
    send(scientist, begun, 0, BYTES[:10])

    answer = scientist.post(DATASETS, {"name": "early", "upload_id": [begun]})

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["loc"] == ["body", "upload_id"]
    assert scientist.get(f"{UPLOADS}/{begun}").status_code == 200


def test_a_taken_name_does_not_cost_the_upload(scientist, begun, make_dataset):
    make_dataset("taken", "a\n1\n")
    send(scientist, begun, 0, BYTES)

    answer = scientist.post(DATASETS, {"name": "taken", "upload_id": [begun]})

    assert answer.status_code == 409
    assert scientist.get(f"{UPLOADS}/{begun}").json()["offset"] == len(BYTES)


def test_an_upload_that_is_not_whole_does_not_cost_the_others(scientist, begun):
    body = {"name": "more.csv", "size_bytes": 5}
    other = scientist.post(UPLOADS, body).json()["id"]
    send(scientist, begun, 0, BYTES)

    answer = scientist.post(DATASETS, {"name": "two", "upload_id": [begun, other]})

    assert answer.status_code == 409
    assert scientist.get(f"{UPLOADS}/{begun}").json()["offset"] == len(BYTES)


def test_an_upload_that_is_named_twice_is_taken_once(scientist, begun):
    send(scientist, begun, 0, BYTES)

    made = scientist.post(DATASETS, {"name": "twice", "upload_id": [begun, begun]})

    assert (made.status_code, made.json()["row_count"]) == (201, 56)


def test_an_upload_that_another_request_took_is_gone(scientist, begun):
    send(scientist, begun, 0, BYTES)
    mine, theirs = UploadSession.objects.get(), UploadSession.objects.get()
    theirs.complete().discard()

    with pytest.raises(UploadNotFound):
        mine.complete()
    with pytest.raises(UploadNotFound):
        mine.append(0, [b"x"])
    assert not mine.path.exists()


def test_the_sweep_leaves_an_upload_that_was_finished_long_ago(scientist, begun):
    send(scientist, begun, 0, BYTES)
    upload = UploadSession.objects.get()
    os.utime(upload.path, (0, 0))

    file = upload.complete()
    sweeping.run()

    assert file.path.read_bytes() == BYTES


def test_uploads_of_others_do_not_exist(api, begun):
    other = api("admin")

    assert other.get(f"{UPLOADS}/{begun}").status_code == 404
    assert send(other, begun, 0, b"x").status_code == 404
    assert other.get(f"{UPLOADS}/not-an-id").status_code == 404


def test_an_upload_that_is_given_up_leaves_no_bytes(scientist, begun, data_dir):
    send(scientist, begun, 0, BYTES[:10])

    assert scientist.delete(f"{UPLOADS}/{begun}").status_code == 204

    assert files_below(data_dir / "datasets") == []


def test_an_upload_beyond_the_limit_is_not_begun(scientist, settings):
    settings.MAX_UPLOAD_BYTES = 1000

    answer = scientist.post(UPLOADS, {"name": "big.csv", "size_bytes": 1001})

    assert answer.status_code == 413
    assert not UploadSession.objects.exists()


def test_a_chunk_without_its_place_is_a_bad_request(scientist, begun):
    answer = scientist.generic(
        "PATCH",
        f"{UPLOADS}/{begun}",
        b"x",
        content_type="application/offset+octet-stream",
    )

    assert answer.status_code == 400
