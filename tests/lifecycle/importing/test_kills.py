"""An import that is killed, again and again, and started anew each time."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.models import Count

from bench.importing import fill
from lifecycle.models import Experiment, HistoryImport, MetricPoint, Param, Run
from mlops.core.models import AuditEntry

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

RUNS, KILLS, POINTS, LAST = 1500, 20, 100, 200
COUNTED = {
    "runs": Run,
    "points": MetricPoint,
    "parameters": Param,
    "experiments": Experiment,
}


@pytest.fixture
def store(tmp_path):
    fill(tmp_path / "mlflow.db", RUNS)
    return str(tmp_path / "mlflow.db")


def begin(store):
    """Start an import in a process of its own; return its id."""
    connections.close_all()
    child = os.fork()
    if child:
        return child
    with suppress(BaseException):
        call_command("import_mlflow", store, "-v0")
        os._exit(0)
    os._exit(1)


def kill_at(child, wanted):
    """Kill the import once so many runs are here; return whether it still lived."""
    while Run.objects.count() < wanted:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_an_import_that_is_killed_goes_on_and_loses_and_doubles_nothing(store):
    chance = random.Random(14)  # noqa: S311 - where it is killed
    places = sorted(chance.sample(range(RUNS - LAST), KILLS))

    killed = [kill_at(begin(store), wanted) for wanted in places]
    _, ended = os.waitpid(begin(store), 0)

    assert killed == [True] * KILLS
    assert ended == 0
    assert Run.objects.count() == RUNS
    counted = Run.objects.annotate(points=Count("metric_points"))
    assert not counted.exclude(points=POINTS).exists()
    row = HistoryImport.objects.get()
    assert row.counts["points"] == RUNS * POINTS
    entry = AuditEntry.objects.get(object_type="lifecycle.history")
    assert entry.changes == row.counts


def test_what_is_counted_is_what_is_there_when_it_is_killed(store):
    assert kill_at(begin(store), RUNS // 2)
    connection.close()

    counts = HistoryImport.objects.get().counts
    assert counts["runs"] < RUNS
    for kind, model in COUNTED.items():
        assert counts[kind] == model.objects.count()
