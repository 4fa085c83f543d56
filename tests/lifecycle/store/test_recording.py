"""The entry point *record*: history as it was told, one entry for the whole."""

from datetime import UTC, datetime

import pytest

from lifecycle.errors import ParamConflict
from lifecycle.models import Experiment, MetricPoint, Run
from lifecycle.states import RunStatus
from lifecycle.store import experiments, logged, runs
from lifecycle.store.experiments import NewExperiment
from lifecycle.store.points import NewPoint
from lifecycle.store.recording import recording
from lifecycle.store.runs import NewRun
from mlops.core.models import AuditEntry

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2019, 3, 1, tzinfo=UTC)


def tell(told, uid="0" * 32, name="old study"):
    old = NewExperiment(name, created_at=LONG_AGO, deleted_at=LONG_AGO)
    experiment = experiments.record(told, old, {"team": "a"})
    run = NewRun(
        uid,
        experiment,
        started_ms=5,
        ended_ms=9,
        status=RunStatus.FAILED,
        user_label="somebody who left",
    )
    pk = runs.record(told, run)
    points = [NewPoint("loss", value, step, 7) for step, value in enumerate((3.0, 2.0))]
    logged.record(told, pk, metrics=points, parameters={"depth": "3"})


def tell_twice():
    with recording("a file store", by=None) as told:
        tell(told)
        logged.record(told, Run.objects.get().pk, parameters={"depth": "4"})


def test_a_history_keeps_its_ids_times_and_states():
    with recording("a file store", by=None) as told:
        tell(told)

    run = Run.objects.select_related("experiment").get(uid="0" * 32)
    assert (run.started_ms, run.ended_ms, run.status) == (5, 9, RunStatus.FAILED)
    assert run.user_label == "somebody who left"
    assert run.experiment.created_at == run.experiment.updated_at == LONG_AGO
    assert run.experiment.deleted_at == LONG_AGO
    points = MetricPoint.objects.order_by("step").values_list("value", "timestamp_ms")
    assert list(points) == [(3.0, 7), (2.0, 7)]
    assert run.latest_metrics.get().value == 2.0


def test_a_history_is_one_entry_that_says_how_much_came(person):
    with recording("a file store", by=person("admin").pk) as told:
        tell(told)

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_name) == ("record", "a file store")
    assert entry.actor == person("admin")
    assert entry.changes == {
        "experiments": 1,
        "parameters": 1,
        "points": 2,
        "runs": 1,
        "tags": 1,
    }


def test_what_breaks_takes_the_whole_history_back():
    with pytest.raises(ParamConflict):
        tell_twice()

    assert not Experiment.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_history_of_nothing_leaves_no_entry():
    with recording("an empty store", by=None):
        pass

    assert not AuditEntry.objects.exists()


def test_what_is_there_already_is_not_stored_again():
    with recording("a file store", by=None) as told:
        tell(told)
        taken = NewRun("0" * 32, Experiment.objects.get().pk, started_ms=1)
        assert experiments.record(told, NewExperiment("old study"), {}) is None
        assert runs.record(told, taken) is None

    assert AuditEntry.objects.get().changes["runs"] == 1
    assert Run.objects.get().started_ms == 5
