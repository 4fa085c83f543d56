import math

import pytest

from lifecycle.errors import (
    ExperimentArchived,
    IllegalRunMove,
    ParamConflict,
    RunClosed,
)
from lifecycle.models import Key, LatestMetric, NewPoint, Run
from lifecycle.states import RUN_MOVES, ExperimentStatus, RunStatus
from mlops.core.errors import AlreadyExists, Invalid, NotFound
from mlops.core.models import AuditEntry
from tests.lifecycle.factories import ExperimentFactory, RunFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_server_makes_an_id_of_32_hex_digits():
    run = Run.start(ExperimentFactory(), by=None)

    assert len(run.uid) == 32
    assert int(run.uid, 16)


def test_id_that_is_taken_is_refused():
    taken = RunFactory()

    with pytest.raises(AlreadyExists):
        Run.start(ExperimentFactory(), by=None, uid=taken.uid)


def test_archived_experiment_takes_no_run():
    experiment = ExperimentFactory(status=ExperimentStatus.ARCHIVED)

    with pytest.raises(ExperimentArchived):
        Run.start(experiment, by=None)

    assert not Run.objects.exists()


@pytest.mark.parametrize("before", RunStatus)
@pytest.mark.parametrize("after", RunStatus)
def test_run_moves_only_as_the_table_says(before, after):
    run = RunFactory(status=before)

    if after == before or after in RUN_MOVES[before]:
        run.finish(after)
        assert Run.objects.get().status == after
    else:
        with pytest.raises(IllegalRunMove):
            run.finish(after)
        assert Run.objects.get().status == before


@pytest.mark.parametrize(
    "status", [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED]
)
def test_every_end_has_a_time_and_an_audit_entry(status):
    run, somebody = RunFactory(), UserFactory()

    run.finish(status, by=somebody)

    assert Run.objects.get().ended_ms >= run.started_ms
    entry = AuditEntry.objects.get(action="finish")
    assert entry.actor == somebody
    assert entry.changes == {"status": ["running", status]}


def test_run_does_not_end_before_it_starts():
    run = RunFactory(started_ms=1000)

    with pytest.raises(Invalid):
        run.finish(RunStatus.COMPLETED, ended_ms=999)


@pytest.mark.parametrize("status", RunStatus)
def test_only_an_open_run_takes_logs(status):
    run = RunFactory(status=status)

    if RUN_MOVES[status]:
        run.log(metrics=[NewPoint("loss", 1.0)])
    else:
        with pytest.raises(RunClosed):
            run.log(metrics=[NewPoint("loss", 1.0)])

    assert run.metric_points.exists() == bool(RUN_MOVES[status])


def test_finished_run_is_closed_to_a_reader_of_old_rows():
    run = RunFactory()
    Run.objects.get().finish(RunStatus.COMPLETED)

    with pytest.raises(RunClosed):
        run.log(metrics=[NewPoint("loss", 1.0)])


def test_the_mlflow_api_may_resume_a_finished_run():
    run = RunFactory(status=RunStatus.COMPLETED, ended_ms=1)

    run.report(by=None, status=RunStatus.RUNNING, ended_ms=None)
    run.log(metrics=[NewPoint("loss", 1.0)])

    assert run.metric_points.count() == 1


def test_newest_metric_has_the_largest_step_whatever_comes_last():
    run = RunFactory()

    run.log(metrics=[NewPoint("loss", 0.5, step=2, timestamp_ms=5)])
    run.log(metrics=[NewPoint("loss", 0.9, step=1, timestamp_ms=9)])

    assert LatestMetric.objects.get().value == 0.5
    assert run.metric_points.count() == 2


def test_same_point_again_is_no_error():
    run, point = RunFactory(), NewPoint("loss", 0.5, step=1, timestamp_ms=5)

    run.log(metrics=[point, point])
    run.log(metrics=[point])

    assert run.metric_points.count() == 1


@pytest.mark.parametrize("value", [math.inf, -math.inf, 5e-324, 1e308])
def test_extreme_values_come_back_as_they_were(value):
    run = RunFactory()

    run.log(metrics=[NewPoint("loss", value)])

    assert LatestMetric.objects.get().value == value


def test_nan_is_marked():
    run = RunFactory()

    run.log(metrics=[NewPoint("loss", math.nan)])

    assert LatestMetric.objects.get().is_nan


def test_metric_of_two_datasets_is_two_metrics():
    run = RunFactory()

    run.log(
        metrics=[
            NewPoint("f1", 0.9, dataset="train"),
            NewPoint("f1", 0.7, dataset="test"),
        ]
    )

    assert run.latest_metrics.count() == 2


@pytest.mark.parametrize("value", ["x", "", 3, 0.1, True, None, [1, {"a": 2}], "1"])
def test_parameter_comes_back_with_its_type(value):
    run = RunFactory()

    run.log(params={"p": value})

    shown = run.params.get().plain
    assert shown == value
    assert type(shown) is type(value)


def test_parameter_is_written_once_and_the_batch_undone():
    run = RunFactory()
    run.log(params={"depth": 3})

    with pytest.raises(ParamConflict):
        run.log(params={"depth": 4, "width": 1}, metrics=[NewPoint("loss", 1.0)])

    assert run.params.get().plain == 3
    assert not run.metric_points.exists()


def test_same_parameter_again_is_no_error():
    run = RunFactory()

    run.log(params={"depth": 3})
    run.log(params={"depth": 3})

    assert run.params.count() == 1


def test_tag_is_written_over():
    run = RunFactory()

    run.log(tags={"team": "a"})
    run.log(tags={"team": "b"})

    assert run.tags.get().value == "b"


def test_deleted_run_is_not_found_until_it_is_restored():
    run = RunFactory()

    run.delete_softly(by=None)
    with pytest.raises(NotFound):
        Run.objects.find(run.uid)
    run.restore(by=None)

    assert Run.objects.find(run.uid) == run


def test_names_are_interned_once():
    first = Key.intern(["a", "b"])

    assert Key.intern(["b", "a", "c"]) == {**first, "c": Key.objects.get(name="c").pk}
