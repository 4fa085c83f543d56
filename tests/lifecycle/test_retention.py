"""Traces are kept for some days, and so many of them at most."""

import threading

import pytest
from django.test import override_settings

from lifecycle import retention
from lifecycle.models import Trace, TraceSpans
from lifecycle.worker import TraceRetention
from mlops.core.models import AuditEntry
from mlops.worker.registration import threads
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.conftest import experiment, mlflow, mlflow_as

__all__ = ["experiment", "mlflow", "mlflow_as"]

pytestmark = pytest.mark.django_db
DAY_MS = 86_400_000


@pytest.fixture
def three(mlflow, experiment, monkeypatch):
    """Three traces that came in today, yesterday and the day before."""
    for days, one in enumerate(("a1", "b2", "c3")):
        monkeypatch.setattr(
            "lifecycle.store.traces.now_ms",
            lambda days=days: retention.now_ms() - days * DAY_MS - 1,
        )
        traced.send_spans(mlflow, experiment, traced.span("outer", trace=one))


def left():
    return [trace.pk.lstrip("tr-0") for trace in Trace.objects.order_by("pk")]


@pytest.mark.parametrize(
    ("days", "kept"), [(0, ["a1", "b2", "c3"]), (1, ["a1"]), (2, ["a1", "b2"])]
)
def test_a_trace_is_kept_for_its_days(three, days, kept, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 1)

    with override_settings(TRACE_DAYS=days, TRACE_MAX_COUNT=0):
        gone = retention.expire_traces()

    assert left() == kept
    assert gone == 3 - len(kept)
    assert TraceSpans.objects.count() == len(kept)


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_the_newest_traces_are_kept(three, most, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 1)

    with override_settings(TRACE_DAYS=0, TRACE_MAX_COUNT=most):
        retention.expire_traces()

    assert left() == ["a1", "b2", "c3"][: most or 3]


def test_what_went_is_in_the_trail_once(three):
    with override_settings(TRACE_DAYS=2, TRACE_MAX_COUNT=1):
        retention.expire_traces()
        retention.expire_traces()

    entry = AuditEntry.objects.get(action="expire")
    assert entry.changes == {"too_old": 1, "too_many": 1}
    assert left() == ["a1"]


def test_the_worker_sweeps_traces(three):
    with override_settings(TRACE_MAX_COUNT=1):
        (thread,) = [
            one for one in threads(threading.Event()) if isinstance(one, TraceRetention)
        ]
        thread.round()

    assert left() == ["a1"]
