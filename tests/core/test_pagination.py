"""Links of a list: following them shows every item once, and ends."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.models import Experiment
from mlops.core.pagination import ListPage

URL = "/api/v1/ml/lifecycle/experiments"
LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


def links(answer):
    return {rel: address for address, rel in LINK.findall(answer["Link"])}


@pytest.fixture
def seven(db):
    for number in range(7):
        Experiment.create(f"run {number}", by=None)


@pytest.mark.parametrize("query", ["limit=3", "page=1&limit=3", "skip=0&limit=3"])
def test_following_next_shows_every_item_once_and_ends(api, seven, query):
    client, address, names = api("viewer"), f"{URL}?{query}&sort_by=name", []

    while address:
        answer = client.get(address)
        names += [one["name"] for one in answer.json()]
        address = links(answer).get("next")

    assert names == [f"run {number}" for number in reversed(range(7))]


def test_links_name_the_pages_around_and_keep_the_query(api, seven):
    answer = api("viewer").get(f"{URL}/?page=2&limit=3&search=run+&status=active")

    kept = "limit=3&search=run+&status=active"
    assert links(answer) == {
        rel: f"{URL}/?page={page}&{kept}"
        for rel, page in {"first": 1, "prev": 1, "next": 3, "last": 3}.items()
    }


def test_single_page_is_first_and_last(api, seven):
    answer = api("viewer").get(URL)

    assert set(links(answer)) == {"first", "last"}
    assert answer["X-Total-Count"] == "7"


def test_list_in_an_envelope_has_links_too(api, db):
    answer = api("viewer").get("/api/v1/features?limit=1")

    assert set(links(answer)) == {"first", "last"}


def test_page_at_another_origin_reads_total_and_links(api, seven):
    answer = api("viewer").get(URL, HTTP_ORIGIN="http://localhost:3000")

    exposed = answer["Access-Control-Expose-Headers"].split(", ")
    assert {"Link", "X-Total-Count"} <= set(exposed)


def shown(page, total):
    return list(range(total))[page.offset : page.offset + page.limit]


def at(page, place):
    """Return the page that a client gets who follows a link of this one."""
    number = place.get("page", page.number)
    return ListPage(
        place.get("limit", page.limit), place.get("skip", page.skip), number
    )


PAGES = st.builds(
    ListPage,
    st.integers(1, 9),
    st.integers(0, 30),
    st.none() | st.integers(1, 9),
)


@given(PAGES, st.integers(0, 40))
def test_pages_around_meet_this_one(page, total):
    around = {rel: at(page, place) for rel, place in page.neighbours(total)}

    for before, after in pairwise(
        one for one in (around.get("prev"), page, around.get("next")) if one
    ):
        if page.offset < total:
            assert before.offset + before.limit == after.offset
    assert ("next" in around) == (page.offset + page.limit < total)
    assert "next" not in dict(around["last"].neighbours(total))
    assert "prev" not in dict(around["first"].neighbours(total))


@given(PAGES, st.integers(1, 40))
def test_last_page_holds_the_last_item(page, total):
    last = at(page, dict(page.neighbours(total))["last"])

    assert shown(last, total)[-1:] == [total - 1] or total <= page.skip
