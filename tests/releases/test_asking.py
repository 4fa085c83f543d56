"""What of an answer lasts, and that questions are read back as they were written."""

from datetime import UTC, datetime, timedelta

from tests.releases import asking
from tests.releases.questions import Question

PACKED = "2026-01-01T00:00:00+00:00"
BEFORE, SINCE = "2025-12-31T23:59:59.5Z", "2026-01-01T00:00:00.5Z"
NOW = "2026-01-02T00:00:00+00:00"


def lasting(value):
    return asking._lasting(value, PACKED, NOW)


def test_entries_of_journals_and_logs_since_the_packing_are_news():
    old = [{"at": BEFORE}, f"{BEFORE} INFO ready"]

    assert lasting([*old, {"at": SINCE}, f"{SINCE} INFO ready"]) == old


def test_a_time_between_packing_and_asking_is_later_and_no_other_is():
    far = (datetime.now(UTC) + timedelta(days=999)).isoformat()
    times = {"a": SINCE, "b": BEFORE, "c": far, "d": "2026", "e": None}

    assert lasting(times) == {**times, "a": asking.LATER}


def test_what_is_of_the_moment_is_left_out_at_any_depth():
    assert lasting({"a": [{"usage": 3, "b": 1}], "last_used_at": BEFORE}) == {
        "a": [{"b": 1}]
    }


def test_questions_and_answers_are_read_back(tmp_path):
    one = Question("/a?b=한", "viewer", "POST", {"c": [1, None]}, "serving", "status")
    asked = [(one, {"status": 200}), (Question("/b"), {"status": 200, "answer": []})]

    asking.save(tmp_path / "answers.jsonl", asked)

    assert asking.load(tmp_path / "answers.jsonl") == asked
