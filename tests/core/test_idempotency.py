from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from lifecycle.models import Experiment
from mlops.core.models import IdempotencyRecord

pytestmark = pytest.mark.urls("tests.core.urls")

KEY = {"HTTP_IDEMPOTENCY_KEY": "first-try"}


def test_same_key_and_body_act_once(api):
    client = api("data scientist")

    first = client.post("/notes", {"name": "a"}, **KEY)
    second = client.post("/notes", {"name": "a"}, **KEY)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second["Location"] == first["Location"]
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Experiment.objects.count() == 1


def test_order_of_the_fields_does_not_matter(api):
    client = api("data scientist")

    client.post("/notes", {"name": "a", "description": "d"}, **KEY)
    second = client.post("/notes", {"description": "d", "name": "a"}, **KEY)

    assert second["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("again", ["/notes/", "/notes"])
def test_path_with_a_last_slash_is_the_same_request(api, again):
    client = api("data scientist")
    first = client.post("/notes", {"name": "a"}, **KEY)

    second = client.post(again, {"name": "a"}, **KEY)

    assert second["Idempotency-Replayed"] == "true"
    assert second.content == first.content


@pytest.mark.parametrize(
    ("path", "body"), [("/notes", {"name": "b"}), ("/notes?x=1", {"name": "a"})]
)
def test_same_key_for_another_request_is_422(api, path, body):
    client = api("data scientist")
    client.post("/notes", {"name": "a"}, **KEY)

    answer = client.post(path, body, **KEY)

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert Experiment.objects.count() == 1


def test_key_belongs_to_its_caller(api):
    api("data scientist").post("/notes", {"name": "a"}, **KEY)

    answer = api("admin").post("/notes", {"name": "b"}, **KEY)

    assert answer.status_code == 201


def test_second_request_while_the_first_runs_is_409(api):
    client = api("data scientist")
    client.post("/notes", {"name": "a"}, **KEY)
    IdempotencyRecord.objects.update(status=None)

    answer = client.post("/notes", {"name": "a"}, **KEY)

    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_running"


def test_key_of_a_killed_process_becomes_free(api):
    client = api("data scientist")
    client.post("/notes", {"name": "a"}, **KEY)
    past = timezone.now() - timedelta(seconds=1)
    IdempotencyRecord.objects.update(status=None, running_until=past)
    Experiment.objects.all().delete()

    answer = client.post("/notes", {"name": "a"}, **KEY)

    assert answer.status_code == 201
    assert Experiment.objects.count() == 1
    assert IdempotencyRecord.objects.get().status == 201


@pytest.mark.parametrize("name", ["fails after writing", "crashes"])
def test_failure_leaves_nothing_and_frees_the_key(api, name):
    client = api("data scientist")
    client.raise_request_exception = False

    first = client.post("/notes", {"name": name}, **KEY)
    second = client.post("/notes", {"name": "fine now"}, **KEY)

    assert first.status_code in {409, 500}
    assert second.status_code == 201
    assert Experiment.objects.count() == 1


def test_answer_is_forgotten_after_a_day(api):
    client = api("data scientist")
    client.post("/notes", {"name": "a"}, **KEY)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))

    answer = client.post("/notes", {"name": "b"}, **KEY)

    assert answer.status_code == 201
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.parametrize("key", ["x" * 256, "é", "a\tb", ""])
def test_key_that_cannot_be_one_is_400(api, key):
    answer = api("data scientist").post(
        "/notes", {"name": "a"}, HTTP_IDEMPOTENCY_KEY=key
    )

    assert answer.status_code == 400
    assert Experiment.objects.count() == 0


def test_upload_is_recognised_by_its_bytes(api):
    client = api("data scientist")

    def upload(content):
        body = {"name": f"n{len(content)}", "file": SimpleUploadedFile("f", content)}
        body["name"] = "upload"
        return client.post("/notes", body, format="multipart", **KEY)

    first, same, other = upload(b"a" * 300_000), upload(b"a" * 300_000), upload(b"b")

    assert (first.status_code, same.status_code, other.status_code) == (201, 201, 422)
    assert same["Idempotency-Replayed"] == "true"
    assert Experiment.objects.count() == 1
