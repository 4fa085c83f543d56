"""Datasets over HTTP: upload, list, detail, versions, and what is refused."""

import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.models import Dataset, DatasetVersion
from tests.datasets.conftest import DATASETS, PRICES, files_below

pytestmark = pytest.mark.django_db


def test_a_small_file_is_ready_in_the_answer(upload):
    answer = upload(description="Closing prices", tags="daily,equity")

    body = answer.json()
    assert answer.status_code == 201, body
    assert answer["Location"].endswith(body["id"])
    assert (body["state"], body["row_count"], body["version"]) == ("ready", 56, 1)
    assert body["features"] == ["date", "symbol", "close", "volume"]
    assert body["schema"]["close"] == "BIGINT"
    assert (body["source_type"], body["owner"]) == ("csv", "data-scientist")
    assert body["tags"] == ["daily", "equity"]
    assert "state_reason" not in body


def test_the_uploaded_file_goes_and_the_content_stays(upload, data_dir):
    body = upload().json()

    left = files_below(data_dir / "datasets")
    place = f"content/{body['digest'][:2]}/{body['digest']}"
    assert f"{place}/data.parquet" in left
    assert not [path for path in left if not path.startswith(place)]


def test_the_detail_shows_first_rows_and_correlations(upload, api):
    dataset = upload().json()

    body = api("viewer").get(f"{DATASETS}/{dataset['id']}").json()

    assert len(body["sample_data"]) == 56
    assert body["sample_data"][0] == {
        "date": "2024-01-01",
        "symbol": "AAPL",
        "close": 101,
        "volume": 1000,
    }
    pair = body["correlation_matrix"][0]
    assert {pair["feature1"], pair["feature2"]} == {"close", "volume"}
    assert -1 <= pair["correlation"] <= 1
    short = api("viewer").get(f"{DATASETS}/prices", {"sample_limit": 3}).json()
    assert len(short["sample_data"]) == 3


def test_the_list_is_a_bare_array_and_the_frontends_other_one_an_envelope(
    make_dataset, api
):
    make_dataset("first")
    make_dataset("second", text=PRICES.replace("AAPL", "NVDA"))
    viewer = api("viewer")

    bare = viewer.get(DATASETS)
    envelope = viewer.get("/api/v1/ml/features/datasets").json()

    assert [item["name"] for item in bare.json()] == ["second", "first"]
    assert bare["X-Total-Count"] == "2"
    assert envelope["total"] == 2
    assert [item["name"] for item in envelope["datasets"]] == ["second", "first"]
    assert viewer.get(DATASETS, {"feature": "close"}).json() == bare.json()
    assert viewer.get(DATASETS, {"feature": "open"}).json() == []


def test_the_list_costs_the_same_however_many_there_are(make_dataset, api):
    viewer = api("viewer")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(DATASETS).status_code == 200
        return len(captured)

    make_dataset("only")
    queries()  # the permissions of the caller are read once
    few = queries()
    for place in range(4):
        make_dataset(f"more-{place}", features=["close"])

    assert queries() == few


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("family", ["/api/v1/features", "/api/v1/ml/features"])
def test_every_reading_route_answers_in_both_families(make_dataset, api, family, slash):
    make_dataset("prices")

    for part in (
        "",
        "/versions",
        "/versions/1",
        "/sample",
        "/correlation",
        "/rows",
        "/statistics",
        "/schema",
        "/search",
    ):
        query = {"q": "AAPL"} if part == "/search" else {}
        answer = api("viewer").get(f"{family}/datasets/prices{part}{slash}", query)
        assert answer.status_code == 200, (part, answer.json())


@pytest.mark.parametrize(
    ("name", "code"),
    [("a/b", 422), ("a:b", 422), ("", 422), ("\u202eabc", 422), ("x" * 201, 422)],
)
def test_a_bad_name_is_refused_before_anything_is_stored(upload, data_dir, name, code):
    answer = upload(name=name)

    assert answer.status_code == code
    assert "name" in answer.json()["errors"][0]["loc"]
    assert not Dataset.objects.exists()
    assert files_below(data_dir / "datasets") == []


def test_a_taken_name_is_a_conflict_that_leaves_no_file(upload, data_dir):
    upload()
    before = files_below(data_dir / "datasets")

    answer = upload(text=PRICES.replace("AAPL", "NVDA"))

    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    assert files_below(data_dir / "datasets") == before


@pytest.mark.parametrize(
    ("file_name", "content", "status"),
    [
        ("empty.csv", b"", 422),
        ("header.csv", b"a,b,c\n", 422),
        ("ragged.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n1\n", 422),
        ("torn.parquet", b"PAR1" + b"\x00" * 200, 422),
        ("page.csv", b"<!DOCTYPE html><html><body>Not found</body></html>", 415),
        ("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, 415),
        ("broken.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-8], 422),
        ("nothing.jsonl", b"{\n", 422),
    ],
)
def test_a_file_that_is_no_table_is_refused_and_leaves_nothing(
    upload, data_dir, file_name, content, status
):
    answer = upload(text=content, file_name=file_name)

    body = answer.json()
    assert answer.status_code == status, body
    assert body["errors"][0]["loc"] == ["body", "file"]
    assert str(data_dir) not in answer.content.decode()
    assert not Dataset.objects.exists()
    assert files_below(data_dir / "datasets") == []


def test_an_oversized_upload_is_refused_while_it_arrives(upload, settings, data_dir):
    settings.MAX_UPLOAD_BYTES = 2000

    answer = upload(text=PRICES * 100)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert files_below(data_dir / "datasets") == []


def test_a_body_without_a_file_says_so(api, data_dir):
    answer = api("data scientist").post(DATASETS, {"name": "x"}, format="multipart")

    assert answer.status_code == 422
    assert "file" in answer.json()["errors"][0]["loc"]


def test_two_files_become_one_table(api, data_dir):
    files = [
        SimpleUploadedFile("one.csv", b"a,b\n1,x\n2,y\n"),
        SimpleUploadedFile("two.csv", b"a,b\n3,z\n"),
    ]

    answer = api("data scientist").post(
        DATASETS, {"name": "both", "file": files}, format="multipart"
    )

    assert answer.status_code == 201, answer.json()
    assert answer.json()["row_count"] == 3


def test_the_same_bytes_are_the_same_version(upload, api):
    upload()
    scientist = api("data scientist")
    again = {"file": SimpleUploadedFile("other-name.csv", PRICES.encode())}

    answer = scientist.post(f"{DATASETS}/prices/versions", again, format="multipart")

    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert DatasetVersion.objects.count() == 1


def test_equal_rows_written_differently_are_the_same_version(upload, api):
    upload(text="a,b\n1,x\n2,y\n")
    quoted = {"file": SimpleUploadedFile("q.csv", b'"a","b"\n"1","x"\n"2","y"\n')}

    answer = api("data scientist").post(
        f"{DATASETS}/prices/versions", quoted, format="multipart"
    )

    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_a_new_version_becomes_the_current_one_and_the_old_one_stays(upload, api):
    upload(text="a,b\n1,2\n3,4\n")
    scientist = api("data scientist")
    more = {"file": SimpleUploadedFile("v2.csv", b"a,b\n1,2\n3,4\n5,6\n")}

    made = scientist.post(f"{DATASETS}/prices/versions", more, format="multipart")

    assert (made.status_code, made.json()["version"]) == (201, 2)
    assert made.json()["is_current"]
    assert scientist.get(f"{DATASETS}/prices").json()["row_count"] == 3
    versions = scientist.get(f"{DATASETS}/prices/versions").json()
    assert [(v["version"], v["is_current"]) for v in versions] == [
        (2, True),
        (1, False),
    ]
    for label in ("1", "v1", versions[1]["digest"], versions[1]["digest"][:10]):
        found = scientist.get(f"{DATASETS}/prices/rows", {"version": label}).json()
        assert found["row_count"] == 2


@pytest.mark.parametrize("label", ["9", "v9", "deadbeefdeadbeef", "abc", "99999999999"])
def test_an_unknown_version_is_a_404(make_dataset, api, label):
    make_dataset()

    answer = api("viewer").get(f"{DATASETS}/prices/versions/{label}")

    assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")


@pytest.mark.parametrize("blank", ["", " ", ",", " , "])
def test_blank_text_of_a_form_names_no_feature(make_dataset, api, blank):
    dataset = make_dataset("prices", features=["close"])
    address = f"{DATASETS}/{dataset.pk}"

    answer = api("admin").patch(address, {"features": blank}, format="multipart")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "features"]
    assert api("admin").get(address).json()["features"] == ["close"]


def test_details_can_be_changed_and_features_declared(make_dataset, api):
    dataset = make_dataset()

    answer = api("data scientist").patch(
        f"{DATASETS}/{dataset.pk}",
        {"description": "Daily", "features": ["close"], "tags": ["a", "a", " "]},
    )

    body = answer.json()
    assert (body["description"], body["features"], body["tags"]) == (
        "Daily",
        ["close"],
        ["a"],
    )


@pytest.mark.django_db(transaction=True)
def test_a_deleted_dataset_takes_its_bytes_along(make_dataset, api, data_dir):
    dataset = make_dataset()

    assert api("admin").delete(f"{DATASETS}/{dataset.pk}").status_code == 204

    assert api("viewer").get(f"{DATASETS}/{dataset.pk}").status_code == 404
    assert files_below(data_dir / "datasets") == []


def test_content_that_another_dataset_shares_survives(make_dataset, api):
    make_dataset("one")
    make_dataset("two")

    api("admin").delete(f"{DATASETS}/one")

    assert len(api("viewer").get(f"{DATASETS}/two/rows").json()["rows"]) == 56


def test_who_may_do_what(make_dataset, upload, api):
    make_dataset("seen")
    file = {"name": "x", "file": SimpleUploadedFile("x.csv", b"a\n1\n")}

    assert api("anonymous").get(DATASETS).status_code == 401
    assert api("nobody").get(DATASETS).status_code == 403
    assert api("viewer").post(DATASETS, file, format="multipart").status_code == 403
    assert api("viewer").delete(f"{DATASETS}/seen").status_code == 403
    assert api("viewer").patch(f"{DATASETS}/seen", {}).status_code == 403


def test_the_same_bytes_under_another_ending_are_read_as_it_says(upload, api):
    body = b'{"a": 1}\n{"a": 2}\n'
    assert upload("lines", body, "a.csv").json()["schema"] == {'{"a": 1}': "VARCHAR"}

    answer = api("data scientist").post(
        f"{DATASETS}/lines/versions",
        {"file": SimpleUploadedFile("a.jsonl", body)},
        format="multipart",
    )

    assert (answer.status_code, answer.json()["version"]) == (201, 2)
    assert api().get(f"{DATASETS}/lines").json()["schema"] == {"a": "BIGINT"}


def test_texts_with_nul_are_kept_in_cells_names_and_figures(upload, api):
    lines = '{"a": 1, "the\\u0000text": "x\\u0000y", "in": {"k\\u0000": 1}}\n' * 3

    answer = upload("nul", lines, "a.jsonl")

    assert (answer.status_code, answer.json()["state"]) == (201, "ready")
    column = DatasetVersion.objects.get().columns.get(name="thetext")
    assert column.original_name == "the\x00text"
    assert column.profile["top"][0]["value"] == "x\x00y"
    rows = api("viewer").get(f"{DATASETS}/nul/rows").json()
    assert rows["rows"][0]["thetext"] == "x\x00y"
