"""SQL of people over HTTP: a page, a file, a version, and who asked what."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets import storage
from datasets.models import Dataset
from mlops.core.models import AuditEntry
from mlops.sandbox import isolation
from tests.datasets.conftest import DATASETS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        bool(isolation.missing()), reason="this kernel or container lacks a wall"
    ),
]
SALES = "city,price\nSeoul,1.5\nSeoul,2.5\nBusan,4\nBusan,\n"
CITIES = "city,people\nSeoul,9\nBusan,3\n"
JOIN = (
    "SELECT city, sum(price) AS total, any_value(people) AS people"
    " FROM data JOIN Cities USING (city) GROUP BY city ORDER BY city"
)


@pytest.fixture
def sales(make_dataset):
    make_dataset("cities", CITIES)
    return make_dataset("sales", SALES)


@pytest.fixture
def viewer(api, sales):
    return api("viewer")


def test_a_join_of_two_datasets_is_answered_and_recorded(viewer):
    body = {"sql": JOIN, "tables": {"cities": {"dataset": "cities", "version": "1"}}}

    answer = viewer.post(f"{DATASETS}/sales/sql", body)

    found = answer.json()
    assert answer.status_code == 200, found
    assert found["rows"] == [
        {"city": "Busan", "total": 4.0, "people": 3},
        {"city": "Seoul", "total": 4.0, "people": 9},
    ]
    assert found["columns"][1] == {"name": "total", "type": "DOUBLE"}
    assert (found["row_count"], found["row_order"]) == (2, "total")
    assert found["tables"]["cities"]["version"] == 1
    entry = AuditEntry.objects.get(action="ask_sql")
    assert (entry.changes["sql"], entry.object_name) == (JOIN, "sales")
    assert entry.changes["tables"] == found["tables"]
    assert entry.actor.username == "viewer"


def test_a_refused_statement_is_recorded_too(viewer):
    sql = "SELECT * FROM read_text('/etc/passwd')"

    answer = viewer.post(f"{DATASETS}/sales/sql", {"sql": sql})

    assert answer.status_code == 422
    assert answer.json()["code"] == "sql_not_allowed"
    assert "/etc" not in answer.json()["detail"]
    assert AuditEntry.objects.get(action="ask_sql").changes["sql"] == sql


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_a_result_is_downloaded_whole(viewer, form):
    body = {"sql": "SELECT price FROM data ORDER BY 1 DESC", "format": form}

    answer = viewer.post(f"{DATASETS}/sales/sql/export", body)

    content = io.BytesIO(b"".join(answer.streaming_content))
    table = pq.read_table(content) if form == "parquet" else pa.ipc.open_stream(content)
    rows = table if form == "parquet" else table.read_all()
    assert rows.column("price").to_pylist() == [4.0, 2.5, 1.5, None]
    assert (answer["X-Row-Order"], answer["X-Row-Count"]) == ("total", "4")
    assert "attachment" in answer["Content-Disposition"]


def test_a_result_becomes_the_next_version(api, sales):
    client = api("data scientist")
    body = {"sql": "SELECT city, price * 2 AS price FROM data ORDER BY 2, 1"}

    answer = client.post(f"{DATASETS}/sales/sql/versions", body)
    again = client.post(f"{DATASETS}/sales/sql/versions", {**body, "version": "1"})

    assert answer.status_code == 201, answer.json()
    assert (answer.json()["version"], answer.json()["state"]) == (2, "ready")
    assert (again.status_code, again.json()["version"]) == (200, 2)
    rows = client.get(f"{DATASETS}/sales/rows").json()["rows"]
    assert [row["price"] for row in rows] == [3.0, 5.0, 8.0, None]
    assert list((storage.root() / "work").iterdir()) == []


def test_a_result_without_a_total_order_is_no_version(api, sales):
    body = {"sql": "SELECT * FROM data ORDER BY city"}

    answer = api("data scientist").post(f"{DATASETS}/sales/sql/versions", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "sql_no_total_order")
    assert Dataset.objects.get(pk=sales.pk).versions.count() == 1


def test_who_may_only_look_makes_no_version(viewer):
    answer = viewer.post(f"{DATASETS}/sales/sql/versions", {"sql": "SELECT 1"})

    assert answer.status_code == 403
    assert not AuditEntry.objects.filter(action="ask_sql").exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"sql": "SELECT 1", "tables": {"a": {"dataset": "no"}}}, 404, None),
        (
            {
                "sql": "SELECT 1",
                "tables": {"a": {"dataset": "cities", "version": "9"}},
            },
            404,
            "version_not_found",
        ),
        ({"sql": "SELECT 1", "tables": {"Data": {"dataset": "cities"}}}, 422, None),
        ({"sql": "SELECT 1", "tables": {"a b": {"dataset": "cities"}}}, 422, None),
        ({"sql": "SELECT 1", "limit": 1001}, 422, None),
        ({"sql": "SELECT 1", "settings": {}}, 422, None),
        ({"sql": "SELECT * FROM cities"}, 422, "sql_unknown_table"),
        ({"sql": "SELECT list(range) FROM range(1e10::BIGINT)"}, 413, None),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_cause(viewer, body, status, code):
    answer = viewer.post(f"{DATASETS}/sales/sql", body)

    assert answer.status_code == status, answer.json()
    assert code in {None, answer.json()["code"]}
