"""Groups and facets over HTTP."""

import json

import pytest

from tests.datasets.conftest import DATASETS

pytestmark = pytest.mark.django_db
SALES = "city,day,price\n" + "".join(
    f"{city},2024-01-{day:02d},{price}\n"
    for city, day, price in (
        ("Seoul", 1, 1.5),
        ("Seoul", 2, 2.5),
        ("Busan", 1, 4),
        ("Busan", 3, ""),
        ("", 4, 8),
    )
)
SUM = {"function": "sum", "column": "price"}


@pytest.fixture
def viewer(api, make_dataset):
    make_dataset("sales", SALES)
    return api("viewer")


def test_sales_are_grouped_by_city_in_one_order(viewer):
    body = {
        "by": ["city"],
        "aggregates": [{"function": "count"}, {**SUM, "name": "total"}],
        "order_by": ["-total"],
    }

    answer = viewer.post(f"{DATASETS}/sales/groups", body)

    found = answer.json()
    assert [(group["key"]["city"], group["values"]) for group in found["groups"]] == [
        (None, {"count": 1, "total": 8.0}),
        ("Busan", {"count": 2, "total": 4.0}),
        ("Seoul", {"count": 2, "total": 4.0}),
    ]
    assert (found["group_count"], found["row_count"], found["version"]) == (3, 5, 1)
    assert found["figures"][1] == {"name": "total", "type": "DOUBLE", "exact": False}


def test_a_link_answers_what_the_post_does_and_is_not_sent_twice(viewer):
    conditions = [{"column": "price", "operator": "ge", "value": 2}]
    query = {
        "by": "city",
        "aggregates": json.dumps([SUM]),
        "conditions": json.dumps(conditions),
        "q": "s",
    }
    body = {"by": ["city"], "aggregates": [SUM], "conditions": conditions, "q": "s"}

    by_link = viewer.get(f"{DATASETS}/sales/groups", query)
    by_post = viewer.post(f"{DATASETS}/sales/groups", body)
    again = viewer.get(
        f"{DATASETS}/sales/groups", query, headers={"If-None-Match": by_link["ETag"]}
    )

    assert by_link.json() == by_post.json()
    assert [group["key"] for group in by_link.json()["groups"]] == [
        {"city": "Busan"},
        {"city": "Seoul"},
    ]
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "by"),
        ({"by": ["x"]}, 400, "by"),
        ({"by": ["city"], "aggregates": [{"function": "avg"}]}, 422, "aggregates"),
        (
            {"by": [], "aggregates": [{"function": "sum", "column": "city"}]},
            400,
            "aggregates",
        ),
        ({"by": ["city"], "order_by": ["-price"]}, 400, "order_by"),
        ({"by": ["city"], "limit": 0}, 422, "limit"),
        ({"by": ["city"], "having": "1=1"}, 422, "having"),
    ],
)
def test_a_bad_question_is_refused_by_name(viewer, body, status, field):
    answer = viewer.post(f"{DATASETS}/sales/groups", body)

    assert answer.status_code == status, answer.json()
    assert field in answer.json()["errors"][0]["loc"]


def test_facets_of_all_columns_come_at_once(viewer):
    found = viewer.get(f"{DATASETS}/sales/facets").json()

    city, day, price = found["facets"]
    assert city["values"][0] == {"value": "Busan", "count": 2, "share": 0.5}
    assert (city["missing"], day["distinct"], price["missing"]) == (1, 4, 1)
    assert sum(price["histogram"]["counts"]) == 4
    assert found["unfinished"] == []


def test_facets_of_a_filter_by_post_and_link_are_the_same(viewer):
    conditions = [{"column": "city", "operator": "eq", "value": "Seoul"}]
    query = {"conditions": json.dumps(conditions), "columns": "price", "top": 1}

    by_post = viewer.post(
        f"{DATASETS}/sales/facets",
        {"conditions": conditions, "columns": ["price"], "top": 1},
    ).json()

    assert by_post == viewer.get(f"{DATASETS}/sales/facets", query).json()
    assert by_post["facets"][0]["values"] == [{"value": 1.5, "count": 1, "share": 0.5}]
    assert by_post["facets"][0]["other_count"] == 1
