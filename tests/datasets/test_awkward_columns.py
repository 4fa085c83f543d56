"""Awkward names and cells by the API: each is kept, found, and told from its like."""

import csv
import io
import json
import unicodedata

import pytest

from tests.datasets.conftest import DATASETS
from tests.datasets.factories import FeatureFactory

pytestmark = pytest.mark.django_db
FEATURES = "/api/v1/features"
NFC = unicodedata.normalize("NFC", "café")
NFD = unicodedata.normalize("NFD", "café")
RENAMED = "file_row_number"
NAMES = [
    *("Rate, total", "-neg", 'a"b', "x'); DROP TABLE t; --"),
    *("$source", "{name}", "Price", NFC, NFD, "source", "value", "value_0"),
    *("한글 열", "__proto__", "a;b|c", "100%", "*", "1 + 1", "select", "🙂", "a.b"),
]
LONG = "x" * 200_000


def table(names, rows):
    """Return rows as CSV with every name in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def named(upload):
    """A dataset of all the names; column i holds i and 100 + i."""
    rows = [[base + place for place in range(len(NAMES))] for base in (0, 100)]
    answer = upload("named", table(NAMES, rows))
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_every_name_is_a_column_of_its_own_to_every_question(named, api):
    client, at = api("data scientist"), f"{DATASETS}/named"
    assert list(named["schema"]) == NAMES

    first, _second = client.get(f"{at}/sample").json()
    assert list(first.values()) == list(range(len(NAMES)))
    for place, name in enumerate(NAMES):
        wanted = {"conditions": [{"column": name, "operator": "gt", "value": 90}]}
        body = {**wanted, "columns": [name], "order_by": [f"-{name}"]}
        rows = client.post(f"{at}/filter", body, format="json").json()
        assert rows["rows"] == [{name: 100 + place}], name
        asked = client.get(f"{at}/statistics", {"columns": [name]}).json()
        assert [(one["name"], one["max"]) for one in asked["columns"]] == [
            (name, 100 + place)
        ]
        exported = client.get(f"{at}/export", {"format": "jsonl", "columns": [name]})
        lines = b"".join(exported.streaming_content).decode().splitlines()
        assert json.loads(lines[1]) == {name: 100 + place}


def test_every_name_can_be_bound_to_and_reckoned_with(named, api):
    client = api("data scientist")
    FeatureFactory(feature_name="bound")

    for place, name in enumerate(NAMES):
        quoted = '"' + name.replace('"', '""') + '"'
        for what in ({"column": name}, {"expression": f"{quoted} * 1"}):
            body = {"binding": {"dataset": "named", "entity_key": [name], **what}}
            answer = client.put(f"{FEATURES}/bound", body, format="json")
            assert answer.status_code == 200, (name, answer.json())
            assert answer.json()["statistics"]["max"] == 100 + place, name


def test_features_of_a_dataset_may_have_commas_and_either_form(named, api):
    client = api("data scientist")

    for names in (["Rate, total"], [NFD, "price"], [NFC]):
        body = {"features": names}
        answer = client.patch(f"{DATASETS}/named", body, format="json")
        assert answer.json()["features"] == names


def test_long_cells_up_to_the_limit_and_spaces_are_kept(upload, api):
    body = f'id,text\n1,{LONG}\n2,  spaced  \n3," in quotes "\n'

    answer = upload("long", body)

    assert answer.status_code == 201, answer.json()
    exported = api("viewer").get(f"{DATASETS}/long/export", {"format": "jsonl"})
    lines = b"".join(exported.streaming_content).decode().splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert texts == [LONG, "  spaced  ", " in quotes "]


def test_a_line_beyond_the_limit_is_rejected_by_its_number(upload, api):
    answer = upload("longest", f"id,text\n1,{'x' * (2**21 + 1)}\n2,{LONG}\n")

    assert (answer.status_code, answer.json()["row_count"]) == (201, 1)
    report = api("viewer").get(f"{DATASETS}/longest/versions/1").json()["report"]
    (rejected,) = report["rejected"]["rows"]
    assert (rejected["line"], rejected["reason"]) == (2, "a line of more than 2 MB")


def test_what_no_table_can_hold_twice_is_renamed_and_noted(upload, api):
    upload("numbered", f"{RENAMED},Price,price\n7,1,2\n8,3,4\n")

    body = api("viewer").get(f"{DATASETS}/numbered/sample").json()
    report = api("viewer").get(f"{DATASETS}/numbered/versions/1").json()["report"]

    assert body[0] == {f"{RENAMED}_2": 7, "Price": 1, "price_2": 2}
    assert RENAMED in json.dumps(report["renamed"])
    assert "price_2" in json.dumps(report["renamed"])


def test_half_a_character_rejects_its_line_and_no_other(upload, api):
    body = '{"t": "\\ud83d cut"}\n{"t": "whole"}\n{"t": "\\ud83d\\ude42"}\n'

    answer = upload("halves", body, file_name="halves.jsonl")

    assert (answer.status_code, answer.json()["row_count"]) == (201, 2)
    report = api("viewer").get(f"{DATASETS}/halves/versions/1").json()["report"]
    assert report["rejected"]["count"] == 1
    assert [one["line"] for one in report["rejected"]["rows"]] == [1]


def test_names_that_differ_by_case_or_form_are_not_joined_over_files(upload, api):
    answer = upload("forms", f"{NFC},Price\n1,2\n")
    assert list(answer.json()["schema"]) == [NFC, "Price"]

    for other in (f"{NFD},Price\n1,2\n", f"{NFC},price\n1,2\n"):
        second = api("data scientist").post(
            f"{DATASETS}/forms/versions",
            {"file": io.BytesIO(other.encode())},
            format="multipart",
        )
        assert second.status_code == 201
        compared = (
            api("viewer")
            .get(
                f"{DATASETS}/forms/compare",
                {"version": second.json()["version"], "with": "1"},
            )
            .json()
        )
        assert len(compared["added"]) == len(compared["removed"]) == 1
