"""Rows, filters, figures and downloads of a version over HTTP."""

import csv
import io
import json
from random import Random

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


def test_a_search_keeps_to_the_rows_of_a_filter(viewer):
    conditions = json.dumps([{"column": "score", "operator": "ge", "value": 2}])
    query = {"q": "ALPHA", "conditions": conditions}

    body = viewer.get(f"{DATASETS}/table/search", query).json()

    assert [row["name"] for row in body["rows"]] == ["Alphabet"]
    assert body["row_count"] == 1


def test_rows_say_where_they_stand_in_the_version(viewer):
    def numbers(route, **query):
        return viewer.get(f"{DATASETS}/table/{route}", query).json()["row_numbers"]

    assert numbers("rows", offset=3) == [3, 4]
    assert numbers("rows", order_by="-score", limit=2) == [4, 3]
    assert numbers("search", q="alpha") == [0, 4]


def test_a_cell_is_given_whole_where_a_page_cuts_it(make_dataset, api):
    make_dataset("texts", f"id,note\n1,{'long ' * 400}end\n")
    client = api("viewer")

    cut = client.get(f"{DATASETS}/texts/rows").json()
    query = {"row": cut["row_numbers"][0], "column": "note"}
    body = client.get(f"{DATASETS}/texts/cell", query).json()

    assert cut["rows"][0]["note"].endswith("…")
    assert body["value"] == f"{'long ' * 400}end"
    assert (body["type"], body["is_whole"]) == ("VARCHAR", True)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"row": 5, "column": "name"}, 404, "row_not_found"),
        ({"row": 0, "column": "nope"}, 400, "unknown_column"),
        ({"row": -1, "column": "name"}, 400, "bad_query"),
    ],
)
def test_a_cell_that_is_not_there_is_told(viewer, query, status, code):
    answer = viewer.get(f"{DATASETS}/table/cell", query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


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


BIG = [{"column": "score", "operator": "ge", "value": 3}]


def test_an_export_of_a_filter_is_a_link_and_a_form(viewer):
    query = {"format": "csv", "conditions": json.dumps(BIG), "columns": "name"}

    by_link = viewer.get(f"{DATASETS}/table/export", query)
    by_form = viewer.post(
        f"{DATASETS}/table/export", {"conditions": BIG, "columns": ["name"]}
    )

    assert b"".join(by_link) == b"name\r\n'=1+1\r\ndelta\r\nAlphabet\r\n"
    assert b"".join(by_form) == b"name\r\n'=1+1\r\ndelta\r\nAlphabet\r\n"
    assert by_link["X-Export-Guarded"] == "true"
    assert by_link["X-Export-Changed-Cells"] == "1"


def test_an_exact_csv_says_that_no_cell_was_changed(viewer):
    answer = viewer.get(f"{DATASETS}/table/export", {"exact": "true"})

    assert b"\r\n=1+1,3" in b"".join(answer)
    assert answer["X-Export-Guarded"] == "false"
    assert answer["X-Export-Changed-Cells"] == "0"


def test_an_export_says_how_it_has_to_be_read(viewer):
    answer = viewer.head(f"{DATASETS}/table/export", {"format": "csv"})
    link = answer["Link"].partition(">")[0].removeprefix("<")

    options = viewer.get(link).json()

    assert options["types"] == {
        "name": "VARCHAR",
        "score": "BIGINT",
        "weight": "DOUBLE",
        "day": "DATE",
    }
    assert options["null_values"] == []


def test_an_export_says_which_columns_come_back_with_another_type(upload, api):
    upload("nested", '{"a": 1, "the tags": [1, 2]}\n', "a.jsonl")
    address = f"{DATASETS}/nested/export"

    csv, lines, parquet = (
        api("viewer").head(address, {"format": kind})
        for kind in ("csv", "jsonl", "parquet")
    )

    assert csv["X-Export-Unlike-Columns"] == lines["X-Export-Unlike-Columns"] == "1"
    assert csv["X-Export-Unlike-Names"] == "the%20tags"
    assert "X-Export-Unlike-Columns" not in parquet


@pytest.mark.parametrize("exact", ["true", "false"])
def test_an_export_names_columns_that_no_csv_brings_back(upload, api, exact):
    upload("nul", '{"a": 1, "the text": "x\\u0000y"}\n{"a": 2}\n', "a.jsonl")
    address = f"{DATASETS}/nul/export"
    second = json.dumps([{"column": "a", "operator": "eq", "value": 2}])

    csv, lines, part = (
        api("viewer").head(address, {"exact": exact, **query})
        for query in (
            {"format": "csv"},
            {"format": "jsonl"},
            {"format": "csv", "conditions": second},
        )
    )

    assert csv["X-Export-Unlike-Columns"] == "1"
    assert csv["X-Export-Unlike-Names"] == "the%20text"
    assert lines["X-Export-Unlike-Columns"] == part["X-Export-Unlike-Columns"] == "0"


def test_a_filter_is_a_link_too(viewer):
    query = {"conditions": json.dumps(BIG), "columns": "score", "order_by": "-score"}

    body = viewer.get(f"{DATASETS}/table/filter", query).json()

    assert body["rows"] == [{"score": 5}, {"score": 4}, {"score": 3}]


@pytest.mark.parametrize("text", ["[", "{}", '[{"column": 1}]', '[{"name": "x"}]'])
def test_conditions_that_are_none_are_a_400(viewer, text):
    answer = viewer.get(f"{DATASETS}/table/filter", {"conditions": text})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == ["query", "conditions"]


def test_statistics_of_a_filter_are_of_its_rows(viewer):
    by_form = viewer.post(f"{DATASETS}/table/statistics", {"conditions": BIG})
    by_link = viewer.get(
        f"{DATASETS}/table/statistics", {"conditions": json.dumps(BIG)}
    )

    assert by_form.json() == by_link.json()
    assert by_link.json()["row_count"] == 3
    assert by_link.json()["columns"][1]["mean"] == 4


def test_a_filter_becomes_a_version_of_its_rows(api, table):
    client = api("data scientist")
    body = {"conditions": BIG, "columns": ["name", "weight"]}

    answer = client.post(f"{DATASETS}/table/filter/versions", body)
    again = client.post(f"{DATASETS}/table/filter/versions", {**body, "version": "1"})

    rows = client.get(f"{DATASETS}/table/rows", {"version": "2"}).json()["rows"]
    assert (answer.status_code, answer.json()["state"]) == (201, "ready")
    assert [row["name"] for row in rows] == ["=1+1", "delta", "Alphabet"]
    assert (again.status_code, again.json()["version"]) == (200, 2)


def in_parquet(table):
    out = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, out)
    return out.getvalue().to_pybytes()


def test_a_filter_makes_no_version_of_types_that_it_would_change(upload, api):
    ids = pa.array([b"0" * 16], pa.uuid())
    table = pa.table({"i": [1], "id": ids})
    lists = table.append_column("ids", pa.ListArray.from_arrays([0, 1], ids))
    upload("kept", in_parquet(table), "a.parquet")
    upload("lists", in_parquet(lists), "a.parquet")
    client, one = api("data scientist"), {"conditions": [], "columns": ["id"]}

    kept = client.post(f"{DATASETS}/kept/filter/versions", one)
    refused = client.post(f"{DATASETS}/lists/filter/versions", {"conditions": []})
    part = client.head(f"{DATASETS}/lists/export", {"format": "arrow"})

    schema = client.get(f"{DATASETS}/kept/schema").json()
    assert kept.status_code == 201
    assert [column["type"] for column in schema["columns"]] == ["UUID"]
    assert (refused.status_code, refused.json()["code"]) == (422, "type_not_kept")
    assert "'ids'" in refused.json()["detail"]
    assert part["X-Export-Unlike-Names"] == "ids"


def test_a_filter_that_keeps_nothing_is_no_version(api, table):
    none = [{"column": "score", "operator": "gt", "value": 9}]

    answer = api("data scientist").post(
        f"{DATASETS}/table/filter/versions", {"conditions": none}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "no_rows")


def test_parts_of_a_parquet_export_are_answered(viewer):
    whole = viewer.get(f"{DATASETS}/table/export", {"format": "parquet"})
    content, address = b"".join(whole), f"{DATASETS}/table/export?format=parquet"

    head = viewer.head(address)
    part = viewer.get(address, headers={"Range": "bytes=-8"})
    stale = viewer.get(address, headers={"Range": "bytes=0-3", "If-Range": '"another"'})
    beyond = viewer.get(address, headers={"Range": f"bytes={len(content)}-"})
    known = viewer.get(address, headers={"If-None-Match": whole["ETag"]})

    assert head["Content-Length"] == str(len(content))
    assert head["Accept-Ranges"] == "bytes"
    assert (part.status_code, b"".join(part)) == (206, content[-8:])
    assert part["Content-Range"].endswith(f"/{len(content)}")
    assert (stale.status_code, b"".join(stale)) == (200, content)
    assert beyond.status_code == 416
    assert beyond["Content-Range"] == f"bytes */{len(content)}"
    assert known.status_code == 304


def test_names_with_commas_and_signs_are_names(make_dataset, api):
    make_dataset("odd", '"Rate, total",-neg,a\n1,2,9\n3,1,8\n')
    client = api("viewer")

    def rows(**query):
        return client.get(f"{DATASETS}/odd/rows", query).json()["rows"]

    assert rows(columns="Rate, total") == [{"Rate, total": 1}, {"Rate, total": 3}]
    assert rows(columns=["Rate, total", "a"])[0] == {"Rate, total": 1, "a": 9}
    assert rows(columns="-neg", order_by="-neg") == [{"-neg": 1}, {"-neg": 2}]
    assert rows(columns="-neg", order_by="--neg") == [{"-neg": 2}, {"-neg": 1}]
    assert rows(columns="a", order_by="-Rate, total") == [{"a": 8}, {"a": 9}]


class RangedFile(io.RawIOBase):
    """The Parquet export as a file that fetches the parts which are read."""

    def __init__(self, client, address):
        self.client, self.address, self.fetched, self.at = client, address, 0, 0
        self.size = int(client.head(address)["Content-Length"])

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = offset + {0: 0, 1: self.at, 2: self.size}[whence]
        return self.at

    def tell(self):
        return self.at

    def read(self, size=-1):
        last = self.size if size < 0 else min(self.at + size, self.size)
        if last <= self.at:
            return b""
        asked = {"Range": f"bytes={self.at}-{last - 1}"}
        part = b"".join(self.client.get(self.address, headers=asked))
        self.fetched += len(part)
        self.at += len(part)
        return part


def test_three_columns_are_read_with_a_third_of_the_bytes(make_dataset, api):
    names = [f"c{number}" for number in range(20)]
    random = Random(7)  # noqa: S311 - digits that zstd cannot shorten
    lines = [
        ",".join(str(random.randrange(10**12)) for _ in names) for _ in range(8000)
    ]
    make_dataset("wide", "\n".join([",".join(names), *lines]))
    file = RangedFile(api("viewer"), f"{DATASETS}/wide/export?format=parquet")

    # In this thread: the test's database is its own.
    table = pyarrow.parquet.ParquetFile(file, pre_buffer=False)
    found = table.read(columns=["c1", "c7", "c19"], use_threads=False)

    values = [int(line.split(",")[7]) for line in lines]
    assert found.column("c7").to_pylist() == values
    assert file.fetched < file.size / 3
