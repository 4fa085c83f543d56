"""The row diff of two versions, over the API."""

import pytest

from tests.datasets.conftest import DATASETS

pytestmark = pytest.mark.django_db

OLD = "day,name,price\n2024-01-01,a,1\n2024-01-02,b,2\n2024-01-03,c,3\n"
NEW = "day,name,price\n2024-01-01,a,1\n2024-01-02,b,2.5\n2024-01-04,d,4\n"


@pytest.fixture
def diff(make_dataset, add_version, api):
    """Ask for the diff of two versions."""
    add_version(make_dataset("table", OLD), NEW)

    def ask(query):
        return api("viewer").get(f"{DATASETS}/table/diff?{query}")

    return ask


def test_rows_of_two_versions_are_compared_by_their_key(diff):
    found = diff("with=1&version=2&key=day&key=name").json()

    assert (found["added"], found["deleted"], found["changed"]) == (1, 1, 1)
    assert found["changed_cells"] == {"price": 1}
    assert found["retyped_columns"] == [
        {"name": "price", "before": "BIGINT", "after": "DOUBLE"}
    ]
    changed, deleted, added = found["rows"]
    assert changed == {
        "change": "changed",
        "columns": ["price"],
        "before": {"day": "2024-01-02", "name": "b", "price": 2},
        "after": {"day": "2024-01-02", "name": "b", "price": 2.5},
    }
    assert (deleted["change"], "after" in deleted) == ("deleted", False)
    assert (added["change"], "before" in added) == ("added", False)


def test_kinds_of_changes_and_pages_are_asked_for(diff):
    found = diff("with=1&version=2&key=day&change=added&change=deleted&limit=1").json()

    assert found["row_count"] == 2
    assert [row["change"] for row in found["rows"]] == ["deleted"]
    assert found["changed"] == 1


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("with=1&version=2&key=nothing", 400, "unknown_column"),
        ("with=1&version=2", 400, "bad_query"),
        ("with=9&version=2&key=day", 404, "version_not_found"),
        ("with=1&version=2&key=day&change=other", 400, "bad_query"),
    ],
)
def test_what_cannot_be_compared_is_refused(diff, query, status, code):
    answer = diff(query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
