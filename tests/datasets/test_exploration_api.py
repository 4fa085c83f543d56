"""Rows, filters, figures and downloads of a version over HTTP."""

import csv
import io

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets import storage
from datasets.analytics import engine
from datasets.models import Dataset
from tests.datasets.conftest import DATASETS

pytestmark = pytest.mark.django_db
TABLE = "name,score,weight,day\n" + "".join(
    f"{name},{score},{weight},2024-02-{day:02d}\n"
    for name, score, weight, day in (
        ("alpha", 1, 0.5, 1),
        ("beta", 2, "", 2),
        ("=1+1", 3, 1.5, 3),
        ("delta", 4, 2.0, 4),
        ("Alphabet", 5, 2.5, 5),
    )
)


@pytest.fixture
def table(make_dataset):
    return make_dataset("table", TABLE)


@pytest.fixture
def viewer(api, table):
    client = api("viewer")
    client.get(f"{DATASETS}/table")
    return client


def test_rows_are_paged_in_file_order(viewer):
    body = viewer.get(f"{DATASETS}/table/rows", {"offset": 1, "limit": 2}).json()

    assert [row["name"] for row in body["rows"]] == ["beta", "=1+1"]
    assert (body["row_count"], body["offset"], body["version"]) == (5, 1, 1)
    assert body["columns"][1] == {"name": "score", "type": "BIGINT"}


def test_rows_are_ordered_and_narrowed_to_columns(viewer):
    query = {"order_by": "-score", "columns": "name,score", "limit": 2}

    body = viewer.get(f"{DATASETS}/table/rows", query).json()

    assert body["rows"] == [
        {"name": "Alphabet", "score": 5},
        {"name": "delta", "score": 4},
    ]


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ([{"column": "score", "operator": "ge", "value": 4}], ["delta", "Alphabet"]),
        ([{"column": "weight", "operator": "is_null"}], ["beta"]),
        ([{"column": "name", "operator": "in", "value": ["beta"]}], ["beta"]),
        (
            [
                {"column": "score", "operator": "gt", "value": 1},
                {"column": "score", "operator": "lt", "value": 4},
            ],
            ["beta", "=1+1"],
        ),
        ([], ["alpha", "beta", "=1+1", "delta", "Alphabet"]),
    ],
)
def test_a_filter_keeps_rows_that_meet_all_conditions(viewer, conditions, names):
    answer = viewer.post(f"{DATASETS}/table/filter", {"conditions": conditions})

    assert [row["name"] for row in answer.json()["rows"]] == names


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"conditions": [{"column": "x", "operator": "eq", "value": 1}]}, 400, "c"),
        ({"conditions": [{"column": "score", "operator": "like"}]}, 422, "c"),
        (
            {"conditions": [{"column": "score", "operator": "eq", "value": "x"}]},
            400,
            "c",
        ),
        ({"conditions": "score > 1"}, 422, "c"),
        ({"conditions": [], "limit": 0}, 422, "limit"),
        ({"conditions": [], "sql": "DROP"}, 422, "sql"),
        ({}, 422, "c"),
    ],
)
def test_a_bad_filter_is_refused_by_name(viewer, body, status, field):
    answer = viewer.post(f"{DATASETS}/table/filter", body)

    found = answer.json()
    assert answer.status_code == status, found
    assert any(field in str(part) for part in found["errors"][0]["loc"])


def test_a_search_ignores_letter_case_and_finds_numbers(viewer):
    def names(text):
        body = viewer.get(f"{DATASETS}/table/search", {"q": text}).json()
        return [row["name"] for row in body["rows"]]

    assert names("ALPHA") == ["alpha", "Alphabet"]
    assert names("4") == ["delta"]
    assert names("'; DROP TABLE x --") == []


@pytest.mark.parametrize(
    ("route", "query", "field"),
    [
        ("rows", {"columns": "nope"}, "columns"),
        ("rows", {"order_by": "nope"}, "order_by"),
        ("rows", {"limit": "1001"}, "limit"),
        ("rows", {"offset": "-1"}, "offset"),
        ("rows", {"nonsense": "1"}, "nonsense"),
        ("sample", {"method": "magic"}, "method"),
        ("sample", {"method": "stratified"}, "by"),
        ("sample", {"limit": "x"}, "limit"),
        ("correlation", {"method": "kendall"}, "method"),
        ("statistics", {"columns": "nope"}, "columns"),
        ("export", {"format": "xlsx"}, "format"),
        ("search", {}, "q"),
        ("compare", {}, "with"),
    ],
)
def test_a_bad_query_value_is_a_400_that_names_it(viewer, route, query, field):
    answer = viewer.get(f"{DATASETS}/table/{route}", query)

    body = answer.json()
    assert answer.status_code == 400, body
    assert body["errors"][0]["loc"] == ["query", field]


@pytest.mark.parametrize(
    ("route", "query", "loc"),
    [
        ("rows", {"version": "99"}, ["query", "version"]),
        ("compare", {"with": "99"}, ["query", "with"]),
        ("drift", {"from": "99"}, ["query", "from"]),
        ("drift", {"from": "1", "to": "99"}, ["query", "to"]),
        ("versions/99", {}, ["path", "label"]),
    ],
)
def test_a_version_that_is_not_there_is_named_by_its_parameter(
    viewer, route, query, loc
):
    answer = viewer.get(f"{DATASETS}/table/{route}", query)

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["loc"] == loc


@pytest.mark.parametrize(
    "body",
    [
        {"conditions": [{"column": "nope", "operator": "eq", "value": 1}]},
        {"conditions": [], "order_by": ["nope"]},
        {"conditions": [], "version": "99"},
    ],
)
def test_what_is_wrong_in_a_body_is_looked_for_in_the_body(viewer, body):
    answer = viewer.post(f"{DATASETS}/table/filter", body)

    assert answer.json()["errors"][0]["loc"][0] == "body"


def test_a_word_that_is_not_known_is_told_the_known_ones(viewer):
    condition = {"column": "name", "operator": "==", "value": "alpha"}

    body = viewer.post(f"{DATASETS}/table/filter", {"conditions": [condition]}).json()
    query = viewer.get(f"{DATASETS}/table/sample", {"method": "magic"}).json()
    listed = viewer.get(DATASETS, {"state": "magic"}).json()

    assert '"==" is none of: eq, ne, lt,' in body["detail"]
    assert query["detail"] == '"magic" is none of: first, random, stratified.'
    assert listed["detail"] == "state must be one of: processing, ready, failed."


def test_the_same_seed_gives_the_same_random_rows(viewer):
    query = {"method": "random", "limit": 3, "seed": 7}

    first = viewer.get(f"{DATASETS}/table/sample", query).json()

    assert len(first) == 3
    assert viewer.get(f"{DATASETS}/table/sample", query).json() == first


def test_random_rows_of_a_large_table_do_not_unpack_all_of_it(make_dataset, api):
    text = "n,square\n" + "".join(f"{n},{n * n}\n" for n in range(30_000))
    version = make_dataset("large", text).current_version
    storage.data_path(version.digest).unlink()  # whoever reads it fails

    query = {"method": "random", "limit": 500, "seed": 3}
    found = api("viewer").get(f"{DATASETS}/large/sample", query).json()

    numbers = [row["n"] for row in found]
    assert len(numbers) == 500
    assert numbers == sorted(set(numbers))
    assert 13_000 < sum(numbers) / 500 < 17_000


def test_statistics_say_type_share_of_missing_and_distribution(viewer):
    body = viewer.get(f"{DATASETS}/table/statistics").json()

    columns = {column["name"]: column for column in body["columns"]}
    assert body["row_count"] == 5
    assert columns["weight"]["nulls"] == 1
    assert columns["score"]["mean"] == 3.0
    assert columns["score"]["distinct"] == {"value": 5, "exact": True}
    assert sum(columns["score"]["histogram"]["counts"]) == 5


def test_correlation_names_what_is_undefined(make_dataset, api):
    make_dataset("flat", "a,b,same\n1,2,7\n2,4,7\n3,7,7\n")

    body = api("viewer").get(f"{DATASETS}/flat/correlation").json()

    assert body["features"] == ["a", "b", "same"]
    pairs = [
        (pair["feature1"], pair["feature2"]) for pair in body["correlation_matrix"]
    ]
    assert pairs == [("a", "b")]
    assert {item["feature2"] for item in body["undefined"]} == {"same"}
    assert all(item["reason"] for item in body["undefined"])
    assert body["matrix"][0][2] is None


@pytest.mark.parametrize("route", ["sample", "statistics", "correlation"])
def test_a_stored_answer_is_not_computed_and_a_known_one_not_sent(
    viewer, route, monkeypatch
):
    first = viewer.get(f"{DATASETS}/table/{route}")
    # From here on, whoever asks DuckDB fails.
    monkeypatch.setattr(engine.Engine, "for_process", None)

    again = viewer.get(f"{DATASETS}/table/{route}")
    known = viewer.get(
        f"{DATASETS}/table/{route}", headers={"If-None-Match": first["ETag"]}
    )

    assert again.content == first.content
    assert (known.status_code, known.content) == (304, b"")


def test_a_304_reads_a_constant_handful_of_rows(viewer):
    tag = viewer.get(f"{DATASETS}/table/statistics")["ETag"]

    with CaptureQueriesContext(connection) as captured:
        viewer.get(f"{DATASETS}/table/statistics", headers={"If-None-Match": tag})

    assert not any("storedanalysis" in query["sql"] for query in captured)


def test_versions_are_compared_by_their_schemas(table, add_version, viewer):
    add_version(table, "name,score,extra\nalpha,1.5,x\nbeta,2.5,y\n")

    body = viewer.get(f"{DATASETS}/table/compare", {"with": "1"}).json()

    assert [column["name"] for column in body["added"]] == ["extra"]
    assert [column["name"] for column in body["removed"]] == ["weight", "day"]
    assert body["retyped"] == [
        {"name": "score", "before": "BIGINT", "after": "DOUBLE", "widened": False}
    ]
    assert (body["row_count_before"], body["row_count_after"]) == (5, 2)


def test_what_is_not_ready_says_so(api, data_dir):
    Dataset.create_from("slow", [storage.receive("a.csv", [b"a\n1\n"])], by=None)

    answer = api("viewer").get(f"{DATASETS}/slow/rows")
    detail = api("viewer").get(f"{DATASETS}/slow").json()

    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert (detail["state"], detail["row_count"], detail["features"]) == (
        "processing",
        0,
        [],
    )
    assert "sample_data" not in detail


def test_a_csv_download_is_whole_and_guards_formulas(viewer):
    answer = viewer.get(f"{DATASETS}/table/export", {"format": "csv"})

    rows = list(csv.reader(io.StringIO(b"".join(answer).decode())))
    assert answer["Content-Type"].startswith("text/csv")
    assert answer["Content-Disposition"].startswith(
        'attachment; filename="table_v1.csv"'
    )
    assert rows[0] == ["name", "score", "weight", "day"]
    assert len(rows) == 6
    assert rows[3][0] == "'=1+1"


@pytest.mark.parametrize("form", ["parquet", "arrow", "jsonl"])
def test_other_downloads_read_back_as_the_same_rows(viewer, form, tmp_path):
    content = b"".join(viewer.get(f"{DATASETS}/table/export", {"format": form}))

    source = pa.BufferReader(content)
    if form == "parquet":
        found = pyarrow.parquet.read_table(source)
    elif form == "arrow":
        found = pa.ipc.open_stream(source).read_all()
    else:
        found = pyarrow.json.read_json(source)
    assert found.num_rows == 5
    assert found.column("score").to_pylist() == [1, 2, 3, 4, 5]


def test_a_browser_that_accepts_only_csv_gets_it(viewer):
    answer = viewer.get(
        f"{DATASETS}/table/export?format=csv", headers={"Accept": "text/csv"}
    )

    assert answer.status_code == 200
