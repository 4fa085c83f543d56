"""When two answers are the same, and which places a listed difference is about."""

from tests.releases import comparing
from tests.releases.comparing import Listed


def test_an_answer_may_have_more_fields_and_no_other_values():
    before = {"a": [1, 2.0, "x"], "b": None}

    assert comparing.differences("q", before, {**before, "new": 1}) == []
    assert [
        one.place
        for now in (
            {"b": None},
            {"a": [1, 2.0], "b": None},
            {"a": [1, 2.0 + 1e-9, "x"], "b": None},
            {"a": [True, 2.0, "x"], "b": 0},
        )
        for one in comparing.differences("q", before, now)
    ] == ["/a", "/a", "/a/1", "/a/0", "/b"]


def test_predictions_may_differ_in_the_last_digits_of_single_precision():
    before, now, off = {"p": [0.25]}, {"p": [0.250001]}, {"p": [0.2501]}

    assert comparing.differences("q", before, now, is_prediction=True) == []
    assert comparing.differences("q", before, now) != []
    assert comparing.differences("q", before, off, is_prediction=True) != []


def test_a_listed_difference_holds_at_its_place_alone():
    listed = Listed("GET /api/v1/users/me as *", "/answer/roles/*", "a new role")
    (found,) = comparing.differences(
        "GET /api/v1/users/me as admin",
        {"answer": {"roles": [1]}},
        {"answer": {"roles": [2]}},
    )

    assert listed.holds(found)
    assert not listed.holds(found._replace(place="/status"))
    assert not listed.holds(found._replace(question="GET /api/v1/audit as admin"))
