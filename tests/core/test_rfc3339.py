"""Which texts are times: RFC 3339's, and no other that Python would read."""

from datetime import UTC, date, datetime

import pytest
from rest_framework.exceptions import ValidationError

from mlops.core import rfc3339
from mlops.core.fields import ZonedTime
from tests.contract.violations import NO_TIMES

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-01T12:00:00Z", NOON),
        ("2027-01-01t12:00:00z", NOON),
        ("2027-01-01T21:00:00+09:00", NOON),
        ("2027-01-01T12:00:00-00:00", NOON),
        ("2026-12-31T13:00:00-23:00", NOON),
        ("2027-01-01T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2027-01-01T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T08:59:60+09:00", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_time_is_read_in_utc(text, moment):
    assert rfc3339.moment(text) == moment
    assert ZonedTime().to_internal_value(text) == moment


@pytest.mark.parametrize("text", NO_TIMES)
def test_other_spelling_is_no_time(text):
    assert rfc3339.moment(text) is None
    with pytest.raises(ValidationError):
        ZonedTime().to_internal_value(text)


def test_bare_plus_of_a_query_arrives_as_a_blank_and_is_one_again():
    assert rfc3339.asked("2027-01-01T21:00:00 09:00") == NOON
    assert rfc3339.asked("2027-01-01 21:00:00+09:00") is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2027-01-01", date(2027, 1, 1)),
        ("2027-02-30", None),
        ("2027-1-1", None),
        ("20270101", None),
        ("2027-W01-1", None),
        ("2027-01-0\u0661", None),
        ("2027-01-01\n", None),
    ],
)
def test_day_has_its_ten_characters(text, day):
    assert rfc3339.day(text) == day
