import time

import pytest

from mlops.core import rates
from mlops.core.models import RateCount

pytestmark = [pytest.mark.urls("tests.core.urls"), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    now = [1_800_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_writes_above_the_rate_wait_for_the_next_minute(api, settings, clock):
    settings.WRITE_RATE = 2
    client = api("admin")
    statuses = [client.post("/notes", {"name": str(n)}).status_code for n in range(3)]

    clock[0] += 60
    later = client.post("/notes", {"name": "later"})

    assert statuses == [201, 201, 429]
    assert later.status_code == 201


def test_reading_is_not_counted_as_writing(api, settings):
    settings.WRITE_RATE = 1

    statuses = {api("admin").get("/notes").status_code for _ in range(5)}

    assert statuses == {200}
    assert RateCount.objects.count() == 0


def test_callers_are_counted_apart(api, settings):
    settings.WRITE_RATE = 1
    api("admin").post("/notes", {"name": "a"})

    answer = api("data scientist").post("/notes", {"name": "b"})

    assert answer.status_code == 201


def test_calculations_have_a_rate_of_their_own(api, settings):
    settings.ANALYTICS_RATE = 1
    client = api("viewer")

    statuses = [client.get("/slow").status_code for _ in range(2)]

    assert statuses == [200, 429]


def test_zero_means_no_limit():
    rate = rates.Rate("write", 0)

    assert all(rates.count(rate, "x") for _ in range(3))
    assert RateCount.objects.count() == 0


def test_old_windows_are_forgotten(clock):
    rate = rates.Rate("write", 5)
    rates.count(rate, "old")

    clock[0] += 600
    rates.count(rate, "new")

    assert RateCount.objects.count() == 1
