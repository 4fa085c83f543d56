"""How a person says how files are to be read, and reads them again."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from datasets import ingestion, inline_ingestion
from datasets.analytics.ingest import REVISION
from datasets.models import Dataset
from tests.datasets.analytics.workbooks import cells, simple

D = "/api/v1/features/datasets"
U = "/api/v1/features/uploads"
pytestmark = pytest.mark.django_db


@pytest.fixture
def as_scientist(api, data_dir, settings):
    settings.KEEP_UPLOADS = "current"
    return api("data scientist")


CASES = [
    (
        "a,b\n1,x\n",
        {"has_header": False},
        {"column_1": "VARCHAR", "column_2": "VARCHAR"},
    ),
    ("a,b\n1,x\n", {"names": ["p", "q"]}, {"p": "BIGINT", "q": "VARCHAR"}),
    ("hello\na,b\n1,x\n", {"skip_lines": 1}, {"a": "BIGINT", "b": "VARCHAR"}),
    (
        "x,x\na,b\n1,x\n",
        {"header_row": 2, "has_header": True},
        {"a": "BIGINT", "b": "VARCHAR"},
    ),
    ("a:b\n1:x\n", {"delimiter": ":"}, {"a": "BIGINT", "b": "VARCHAR"}),
    ("a,b\n'1,5',x\n", {"quote": "'"}, {"a": "DOUBLE", "b": "VARCHAR"}),
    ("# c\na,b\n1,x\n", {"comment": "#"}, {"a": "BIGINT", "b": "VARCHAR"}),
    ("a,b\n9,x\n?,y\n", {"null_values": ["?"]}, {"a": "BIGINT", "b": "VARCHAR"}),
    (
        "a,b\nJ,1\nN,2\n",
        {"true_values": ["J"], "false_values": ["N"]},
        {"a": "BOOLEAN", "b": "BIGINT"},
    ),
    ('a,b\n"1,234",x\n', {"decimal": ","}, {"a": "DOUBLE", "b": "VARCHAR"}),
    ('a,b\n"1,234",x\n', {"thousands": ","}, {"a": "BIGINT", "b": "VARCHAR"}),
    (
        "a,b\n01/02/2024,x\n",
        {"date_formats": ["%d/%m/%Y"]},
        {"a": "DATE", "b": "VARCHAR"},
    ),
    ("a,b\n1,x\n", {"types": {"a": "VARCHAR"}}, {"a": "VARCHAR", "b": "VARCHAR"}),
]


def send(client, address, body, **fields):
    file = SimpleUploadedFile(
        "a.csv", body if isinstance(body, bytes) else body.encode()
    )
    return client.post(address, {"file": file, **fields}, format="multipart")


@pytest.mark.parametrize(("body", "options", "schema"), CASES)
def test_each_option_changes_what_is_read_and_is_kept(
    as_scientist, body, options, schema
):
    answer = send(as_scientist, D, body, name="table", options=json.dumps(options))

    assert answer.status_code == 201, answer.json()
    assert answer.json()["schema"] == schema
    version = as_scientist.get(f"{D}/table/versions/1").json()
    assert version["options"] == options
    assert version["type_rules"] == REVISION
    assert set(version["report"]["dialect"]["types"].values()) == set(schema.values())


@pytest.mark.parametrize(
    "options",
    [
        "[1]",
        "{",
        '{"color": 1}',
        '{"delimiter": ""}',
        '{"date_formats": ["%Y"]}',
        '{"decimal": ",", "thousands": ","}',
        '{"true_values": ["J"]}',
        '{"true_values": ["J", "x"], "false_values": ["N", "x"]}',
        '{"encoding": "x-y"}',
        '{"types": {"zz": "BIGINT"}}',
        '{"types": {"a": "SPOON"}}',
    ],
)
def test_options_that_say_nothing_are_refused(as_scientist, options):
    answer = send(as_scientist, D, "a,b\n1,x\n", name="table", options=options)

    assert answer.status_code == 422
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("name", "body", "options"),
    [
        ("a.csv", b"a,b\n1,x\n", {"types": {"zz": "BIGINT"}}),
        ("a.csv", b"a,b\n1,x\n", {"types": {"a": "SPOON"}}),
        ("a.csv", b"a,b\n1,x\n", {"names": ["p"]}),
        ("a.csv", b"a,b\n1,x\n", {"sheet": "one"}),
        ("a.jsonl", b'{"a": {"b": 1}}\n', {"types": {"a": "BIGINT"}}),
        ("a.xlsx", None, {"sheet": "two"}),
        ("a.xlsx", None, {"encoding": "utf-8"}),
    ],
)
@pytest.mark.parametrize("address", [D, f"{U}/preview"])
def test_option_that_does_not_fit_the_file_is_named(
    as_scientist, address, name, body, options
):
    file = SimpleUploadedFile(name, body or simple(cells("a"), cells(1)))
    form = {"file": file, "options": json.dumps(options)}
    form |= {"name": "table"} if address == D else {}

    answer = as_scientist.post(address, form, format="multipart")

    said = answer.json()
    assert (answer.status_code, said["code"]) == (422, "invalid_options"), said
    assert [one["loc"] for one in said["errors"]] == [["body", "options", *options]]


def test_option_of_a_file_that_is_read_again_is_named(as_scientist):
    send(as_scientist, D, "a,b\n1,x\n", name="table")
    body = {"options": {"types": {"zz": "BIGINT"}}}

    answer = as_scientist.post(f"{D}/table/versions/1/retry", body, format="json")

    assert answer.json()["errors"][0]["loc"] == ["body", "options", "types"]


def test_kept_files_are_read_again_as_a_new_version(as_scientist):
    send(as_scientist, D, 'a,b\n"1,234",x\n', name="table")

    answer = as_scientist.post(
        f"{D}/table/versions/1/retry", {"options": {"thousands": ","}}, format="json"
    )

    assert answer.status_code == 201, answer.json()
    assert (answer.json()["version"], answer.json()["state"]) == (2, "ready")
    dataset = Dataset.objects.get()
    assert dataset.schema == {"a": "BIGINT", "b": "VARCHAR"}
    kept = {
        version.number: [file.path.exists() for file in version.sources.all()]
        for version in dataset.versions.all()
    }
    assert kept == {1: [False], 2: [True]}, "only those of the current version"


def test_a_setting_keeps_no_uploaded_file(as_scientist, settings):
    settings.KEEP_UPLOADS = "none"
    send(as_scientist, D, "a,b\n1,x\n", name="table")

    answer = as_scientist.post(
        f"{D}/table/versions/1/retry", {"options": {"skip_lines": 1}}, format="json"
    )

    assert answer.status_code == 409
    assert "upload them again" in answer.json()["detail"]


def test_a_preview_shows_the_table_and_keeps_nothing(as_scientist):
    body = "a;b\n" + "1;x\n" * 400_000

    answer = send(as_scientist, f"{U}/preview", body)

    assert answer.status_code == 200, answer.json()
    shown = answer.json()
    assert [column["type"] for column in shown["columns"]] == ["BIGINT", "VARCHAR"]
    assert (len(shown["sample_data"]), shown["types_are_of"]) == (100, "rows_read")
    assert shown["report"]["dialect"]["delimiter"] == ";"
    assert not Dataset.objects.exists()


def test_a_preview_names_the_cells_that_it_does_not_show_as_they_are(as_scientist):
    body = f"note;x\n{'n' * 1_001};1.5\nshort;Infinity\n"

    shown = send(as_scientist, f"{U}/preview", body).json()

    assert shown["sample_data"][0]["note"] == "n" * 1_000 + "…"
    assert shown["truncated_cells"] == [{"row": 0, "column": "note"}]
    assert shown["truncated_cell_count"] == 1
    assert shown["sample_data"][1]["x"] == "Infinity"
    assert shown["non_finite_cells"] == [{"row": 1, "column": "x", "value": "Infinity"}]


def test_a_preview_does_not_use_up_an_upload(as_scientist):
    body = b"a,b\n1,x\n"
    made = as_scientist.post(
        U, {"name": "a.csv", "size_bytes": len(body)}, format="json"
    )
    upload = made.json()["id"]
    as_scientist.generic(
        "PATCH",
        f"{U}/{upload}",
        body,
        "application/offset+octet-stream",
        HTTP_UPLOAD_OFFSET="0",
    )

    seen = as_scientist.post(f"{U}/preview", {"upload_id": [upload]}, format="json")
    taken = as_scientist.post(
        D, {"name": "table", "upload_id": [upload]}, format="json"
    )

    assert seen.json()["types_are_of"] == "whole_file"
    assert (taken.status_code, taken.json()["row_count"]) == (201, 1)


def test_a_name_of_which_nothing_could_be_read_is_free_for_its_owner(
    as_scientist, api, person
):
    scientist = person("data scientist")
    dataset = Dataset.objects.create(name="table", owner=scientist)
    broken = dataset.append([], by=scientist)
    broken.fail("The file is cut off.")

    other = send(api(), D, "a,b\n1,x\n", name="table")
    own = send(as_scientist, D, "a,b\n1,x\n", name="table")

    assert (other.status_code, own.status_code) == (409, 201)
    versions = as_scientist.get(f"{D}/table/versions").json()
    assert [(v["version"], v["state"]) for v in versions] == [
        (2, "ready"),
        (1, "failed"),
    ]
    assert versions[1]["state_reason"] == "The file is cut off."


def kept(dataset):
    return {
        version.number: [file.path.exists() for file in version.sources.all()]
        for version in dataset.versions.all()
    }


def test_options_are_followed_in_the_background_and_at_a_retry(
    as_scientist, monkeypatch
):
    monkeypatch.setattr(inline_ingestion, "SMALL_BYTES", 0)
    body = 'a,b\n"1,234",x\n'
    bad = json.dumps({"types": {"zz": "BIGINT"}})
    made = send(as_scientist, D, body, name="table", options=bad)
    assert made.json()["state"] == "processing"

    ingestion.ingest_once()
    failed = as_scientist.get(f"{D}/table/versions/1").json()
    again = as_scientist.post(
        f"{D}/table/versions/1/retry", {"options": {"thousands": ","}}, format="json"
    )
    ingestion.ingest_once()

    assert (failed["state"], again.json()["state"]) == ("failed", "processing")
    assert "zz" in failed["state_reason"]
    version = as_scientist.get(f"{D}/table/versions/1").json()
    assert (version["state"], version["options"]) == ("ready", {"thousands": ","})
    assert Dataset.objects.get().schema == {"a": "BIGINT", "b": "VARCHAR"}


def test_all_uploads_are_kept_until_their_version_is_purged(
    as_scientist, settings, django_capture_on_commit_callbacks
):
    settings.KEEP_UPLOADS = "all"
    send(as_scientist, D, "a,b\n1,x\n", name="table")
    send(as_scientist, f"{D}/table/versions", "a,b\n2,y\n")
    dataset = Dataset.objects.get()
    assert kept(dataset) == {1: [True], 2: [True]}

    retried = as_scientist.post(
        f"{D}/table/versions/1/retry", {"options": {"skip_lines": 1}}, format="json"
    )
    with django_capture_on_commit_callbacks(execute=True):
        purged = as_scientist.delete(f"{D}/table/versions/1")

    assert (retried.status_code, purged.status_code) == (201, 204)
    assert kept(dataset) == {1: [False], 2: [True], 3: [True]}


@pytest.mark.parametrize("keeps", ["current", "none"])
def test_an_older_version_made_current_has_its_upload_again(
    as_scientist, settings, keeps
):
    settings.KEEP_UPLOADS = keeps
    send(as_scientist, D, "a,b\n1,x\n", name="table")
    send(as_scientist, f"{D}/table/versions", "a,b\n2,y\n")

    back = send(as_scientist, f"{D}/table/versions", "a,b\n1,x\n")

    assert (back.status_code, back.json()["version"]) == (200, 1)
    is_kept = keeps == "current"
    assert kept(Dataset.objects.get()) == {1: [is_kept], 2: [False]}
    retried = as_scientist.post(
        f"{D}/table/versions/1/retry", {"options": {"skip_lines": 1}}, format="json"
    )
    assert retried.status_code == (201 if is_kept else 409)


def test_the_admins_forms_read_with_options_and_read_again(
    client, person, data_dir, settings
):
    settings.KEEP_UPLOADS = "current"
    user = person("admin")
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    form = {"name": "table", "options": '{"has_header": false}'}
    file = SimpleUploadedFile("a.csv", b'a,b\n"1,234",x\n')

    client.post(reverse("admin:datasets_dataset_add"), {**form, "file": file})

    dataset = Dataset.objects.get()
    assert dataset.current_version.options == {"has_header": False}
    assert dataset.current_version.row_count == 2
    again = reverse(
        "admin:datasets_datasetversion_reading", args=[dataset.current_version_id]
    )
    assert "has_header" in client.get(again).content.decode()
    refused = client.post(again, {"options": '{"color": 1}'})
    assert "color" in refused.content.decode()
    assert client.post(again, {"options": '{"thousands": ","}'}).status_code == 302
    dataset.refresh_from_db()
    assert dataset.current_version.number == 2
    assert dataset.schema == {"a": "BIGINT", "b": "VARCHAR"}


def test_the_admins_page_reads_a_failed_version_in_its_place(
    client, person, as_scientist, monkeypatch
):
    monkeypatch.setattr(inline_ingestion, "SMALL_BYTES", 0)
    bad = json.dumps({"types": {"zz": "BIGINT"}})
    send(as_scientist, D, "a,b\n1,x\n", name="table", options=bad)
    ingestion.ingest_once()
    version = Dataset.objects.get().newest_version
    user = person("admin")
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    page = reverse("admin:datasets_datasetversion_reading", args=[version.pk])

    assert client.post(page, {"options": '{"skip_lines": 0}'}).status_code == 302
    ingestion.ingest_once()

    version.refresh_from_db()
    assert (version.number, version.state) == (1, "ready")
    page = reverse("admin:datasets_datasetversion_change", args=[version.pk])
    assert client.get(page).status_code == 200
