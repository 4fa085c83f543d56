"""What was used of a key is kept by the day, exactly as gateways counted it."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from deployments.models import DeploymentKey, KeyDay, key_day
from deployments.models.key_day import KEPT
from deployments.serving.gateway import usage
from deployments.serving.gateway.shared import Seats
from deployments.serving.gateway.usage import Usage
from deployments.targets.scripted import ScriptedTarget
from tests.deployments.factories import DeploymentFactory
from tests.deployments.reconciler.acting import Clock, made

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
TODAY = NOON.date()


def set_clocks(monkeypatch, now: datetime) -> None:
    """Stop the gateway's clock and the database's: no test runs past midnight."""
    stopped = SimpleNamespace(time=now.timestamp, now=lambda: now)
    monkeypatch.setattr(usage, "time", stopped)
    monkeypatch.setattr(key_day, "timezone", stopped)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    set_clocks(monkeypatch, NOON)


@pytest.fixture
def gateway(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "run" / "gateways"
    return Usage(folder, Seats(folder))


@pytest.fixture
def key():
    return DeploymentKey.issue(DeploymentFactory().slot, "shop", by=None)[0]


def stored(key) -> list[tuple[date, int, int]]:
    return list(key.days.values_list("day", "request_count", "refused_count"))


def test_a_reconciler_stores_what_gateways_counted(gateway, key, tmp_path):
    clock = Clock()
    reconciler = made(ScriptedTarget(), clock, tmp_path)
    for _ in range(3):
        gateway.count(key.digest)
    gateway.refuse(key.digest)

    reconciler.once()
    first = stored(key)
    gateway.count(key.digest)
    clock.now += 301
    reconciler.once()

    assert [counts for _, *counts in first] == [[3, 1]]
    assert [counts for _, *counts in stored(key)] == [[4, 1]]


def test_the_day_before_is_stored_after_midnight(gateway, key, monkeypatch):
    for days in (1, 0):
        set_clocks(monkeypatch, NOON - timedelta(days=days))
        gateway.count(key.digest)

    KeyDay.ingest()

    assert [day for day, *_ in stored(key)] == [TODAY, TODAY - timedelta(days=1)]


def test_thirty_days_are_shown_and_what_is_counted_now_counts(gateway, key):
    for days in (0, 5, 29, 30):
        key.days.create(day=TODAY - timedelta(days=days), request_count=1)
    gateway.count(key.digest)
    gateway.count(key.digest)

    shown = KeyDay.shown([key])[key.digest]

    assert [(each.day, each.request_count) for each in shown] == [
        (TODAY, 2),
        (TODAY - timedelta(days=5), 1),
        (TODAY - timedelta(days=29), 1),
    ]


def test_days_are_forgotten_in_the_end(gateway, key):
    key.days.create(day=TODAY - KEPT - timedelta(days=1))
    key.days.create(day=TODAY - KEPT)

    KeyDay.ingest()

    assert key.days.count() == 1


def test_what_is_not_new_is_not_written(gateway, key, django_assert_num_queries):
    gateway.count(key.digest)
    KeyDay.ingest()

    with django_assert_num_queries(3):
        KeyDay.ingest()
