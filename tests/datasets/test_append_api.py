"""Appending to a version, over the API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from datasets import ingestion, storage
from datasets.models import Dataset
from datasets.models.dataset import AppendBase
from mlops.core import etags
from mlops.core.errors import PreconditionFailed
from tests.datasets.conftest import DATASETS

pytestmark = pytest.mark.django_db

FIRST, SECOND = "id,price\n1,1.5\n2,2.5\n", "id,price\n3,3\n"


@pytest.fixture
def append(upload, api):
    """Make a dataset and append a text to one of its versions."""
    assert upload("table", FIRST).status_code == 201

    def post(text=SECOND, base_version=1, **fields):
        body = {"base_version": base_version, **fields}
        body["file"] = SimpleUploadedFile("more.csv", text.encode())
        address = f"{DATASETS}/table/append"
        return api("data scientist").post(address, body, format="multipart")

    return post


def test_appended_rows_are_the_version_that_one_upload_would_be(append, upload, api):
    answer = append()

    found = answer.json()
    assert answer.status_code == 201
    assert (found["state"], found["version"], found["row_count"]) == ("ready", 2, 3)
    assert (found["appended_to"], found["is_current"]) == (1, True)
    assert found["report"]["appended"]["rows_added"] == 1
    whole = upload("whole", FIRST + "3,3\n").json()
    assert found["content_digest"] == whole["content_digest"]
    rows = api("viewer").get(f"{DATASETS}/table/rows").json()["rows"]
    assert [row["id"] for row in rows] == [1, 2, 3]
    figures = api("viewer").get(f"{DATASETS}/table/statistics").json()["columns"][1]
    assert (figures["max"], figures["count"]) == (3.0, 3)


def test_the_second_of_two_appends_to_one_version_is_refused(append):
    assert append().status_code == 201

    again = append()

    assert (again.status_code, again.json()["code"]) == (409, "not_current")
    assert append(base_version=2).status_code == 201


def test_a_cell_that_does_not_fit_is_named_and_widens_when_asked(append):
    refused = append("id,price\n3,3\n4,many\n")

    assert (refused.status_code, refused.json()["code"]) == (422, "does_not_fit")
    assert "'many' in line 3" in refused.json()["detail"]
    found = append("id,price\n3,3\n4,many\n", widen="true").json()
    assert found["report"]["appended"]["widened"] == [
        {"column": "price", "before": "DOUBLE", "after": "VARCHAR"}
    ]


def test_the_version_has_to_be_named(append):
    assert append(base_version="").status_code == 422
    assert append(base_version="latest").status_code == 422
    assert append(base_version=7).status_code == 404


@pytest.mark.parametrize("verb", ["append", "versions"])
def test_what_has_changed_since_it_was_read_gets_no_version(append, api, verb):
    client = api("data scientist")
    read = client.get(f"{DATASETS}/table")["ETag"]

    def post(tag, text):
        body = {"file": SimpleUploadedFile("more.csv", text.encode())}
        if verb == "append":
            body["base_version"] = Dataset.objects.get().current_version.number
        return client.post(
            f"{DATASETS}/table/{verb}",
            body,
            format="multipart",
            headers={"If-Match": tag},
        )

    first = post(read, SECOND)
    stale = post(read, "id,price\n4,4\n")

    assert (first.status_code, stale.status_code) == (201, 412)
    assert stale.json()["code"] == "precondition_failed"
    assert post("*", "id,price\n4,4\n").status_code == 201
    assert Dataset.objects.get().versions.count() == 3


def test_the_state_is_compared_once_more_under_the_lock(append):
    dataset = Dataset.objects.get()
    dataset.expected_state = etags.state(dataset)
    Dataset.objects.get().update(by=None, description="changed meanwhile")
    file = storage.receive("b.csv", [SECOND.encode()])

    with pytest.raises(PreconditionFailed):
        dataset.add_version([file], by=None)

    assert dataset.versions.count() == 1


def test_the_loop_appends_only_while_the_version_is_current(append, add_version):
    dataset = Dataset.objects.get()
    base = AppendBase.of(dataset.versions.get(), {}, widens=False)
    files = [storage.receive("b.csv", [SECOND.encode()]) for _ in range(2)]
    waiting, _ = dataset.append_rows(files[:1], base, by=None)
    stale, _ = dataset.append_rows(files[1:], base, by=None)

    ingestion.ingest_once()

    waiting.refresh_from_db()
    stale.refresh_from_db()
    assert (waiting.state, waiting.row_count) == ("ready", 3)
    assert stale.state == "failed"
    assert "not the current one any more" in stale.state_reason


def test_files_of_an_append_are_not_taken_for_the_whole(append, add_version, api):
    append()
    dataset = Dataset.objects.get()

    version = add_version(dataset, SECOND)

    assert (version.number, version.row_count) == (3, 1)
    again = api("data scientist").post(
        f"{DATASETS}/table/versions/2/retry", {"options": {"delimiter": ";"}}
    )
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")


NESTED, PLAIN = '{"a": 1, "b": {"k": 1}}\n', '{"a": 1, "b": "x"}\n'


@pytest.mark.parametrize(("first", "second"), [(NESTED, PLAIN), (PLAIN, NESTED)])
@pytest.mark.parametrize("widens", [True, False])
def test_a_column_of_objects_and_one_of_texts_are_not_joined(
    upload, api, first, second, widens
):
    assert upload("parts", first, "a.jsonl").status_code == 201
    body = {"base_version": 1, "widen": str(widens).lower()}
    body["file"] = SimpleUploadedFile("more.jsonl", second.encode())

    answer = api("data scientist").post(
        f"{DATASETS}/parts/append", body, format="multipart"
    )

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "does_not_fit"), problem
    assert (problem["column"], problem["line"]) == ("b", 1)
    assert ("Append with `widen`" in problem["detail"]) is not widens
