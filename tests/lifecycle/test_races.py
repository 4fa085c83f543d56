"""Several writers at once; on SQLite and, with `make test-pg`, on PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from lifecycle import artifacts
from lifecycle.models import (
    Artifact,
    Experiment,
    Key,
    LatestMetric,
    LoggedModel,
    ModelVersion,
    NewCheck,
    NewPoint,
    RegisteredModel,
    Run,
    StageChange,
)
from lifecycle.states import ChecklistStatus, ModelStage, RunStatus
from lifecycle.store.logged_models import NewLoggedModel
from mlops.core.errors import DomainError
from mlops.core.models import AuditEntry
from tests.lifecycle.factories import (
    ExperimentFactory,
    RunFactory,
    UserFactory,
    VersionFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = 8
FINAL = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


def race(write: Callable[[int], object], writers: int = WRITERS) -> list[str]:
    """Let the writers start together; return what each did: "won" or its error."""
    barrier = Barrier(writers)

    def start(number):
        try:
            barrier.wait()
            write(number)
        except DomainError as error:
            return error.code
        else:
            return "won"
        finally:
            connection.close()

    with ThreadPoolExecutor(writers) as pool:
        return sorted(pool.map(start, range(writers)))


def test_one_of_several_approvers_wins():
    version = VersionFactory(passed=True)
    people = UserFactory.create_batch(WRITERS)
    read = [ModelVersion.objects.get() for _ in people]

    ends = race(lambda number: read[number].approve(by=people[number]))

    assert ends.count("won") == 1
    assert set(ends) <= {"won", "already_approved", "lost_race"}
    winner = AuditEntry.objects.get(action="approve").actor
    assert ModelVersion.objects.get(pk=version.pk).approved_by == winner


def test_one_of_several_stage_moves_wins():
    VersionFactory(passed=True, approved=True)
    stages = [ModelStage.STAGING, ModelStage.PRODUCTION, ModelStage.ARCHIVED]
    read = [ModelVersion.objects.get() for _ in range(WRITERS)]

    ends = race(lambda number: read[number].move_to_stage(stages[number % 3], by=None))

    assert ends == ["lost_race"] * (WRITERS - 1) + ["won"]
    assert StageChange.objects.get().to_stage == ModelVersion.objects.get().stage


def test_approval_and_a_failed_check_do_not_both_stand():
    for _ in range(5):
        version = VersionFactory(passed=True)
        approver = UserFactory()
        failed = [NewCheck("bias reviewed", ChecklistStatus.FAILED)]
        verbs = [
            lambda row, by=approver: row.approve(by=by),
            lambda row, checks=failed: row.set_checklist(checks, by=None),
        ]
        read = [ModelVersion.objects.get(pk=version.pk) for _ in verbs]

        race(lambda number, rows=read, do=verbs: do[number](rows[number]), writers=2)

        after = ModelVersion.objects.get(pk=version.pk)
        assert not (after.is_approved and not after.has_passed_checklist)


def test_every_version_gets_a_number_of_its_own():
    ends = race(lambda _: ModelVersion.register("churn", by=None))

    assert ends == ["won"] * WRITERS
    numbers = ModelVersion.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, WRITERS + 1))
    assert RegisteredModel.objects.count() == 1


def test_label_is_given_once():
    ends = race(lambda _: ModelVersion.register("churn", by=None, version="1.0.0"))

    assert ends == ["already_exists"] * (WRITERS - 1) + ["won"]


def test_run_ends_once():
    run = RunFactory()
    read = [Run.objects.get() for _ in range(WRITERS)]

    ends = race(lambda number: read[number].finish(FINAL[number % 3], ended_ms=2**42))

    assert ends == ["illegal_run_status"] * (WRITERS - 1) + ["won"]
    assert (
        AuditEntry.objects.filter(action="finish", object_id=str(run.pk)).count() == 1
    )


def test_one_of_several_makers_of_a_model_wins():
    ends = race(lambda _: RegisteredModel.create("m", by=None))

    assert ends == ["already_exists"] * (WRITERS - 1) + ["won"]


def test_name_and_run_id_are_given_once():
    names = race(lambda _: Experiment.create("momentum", by=None))
    experiment = Experiment.objects.get()
    runs = race(lambda _: Run.start(experiment, by=None, uid="run-00000001"))

    assert names == runs == ["already_exists"] * (WRITERS - 1) + ["won"]


def test_new_names_are_interned_once_and_nobody_waits_in_a_circle():
    runs = RunFactory.create_batch(WRITERS, experiment=ExperimentFactory())
    names = [f"metric-{number}" for number in range(40)]

    def log(number):
        shuffled = names[number:] + names[:number]
        for _ in range(3):
            runs[number].log(metrics=[NewPoint(name, 1.0, number) for name in shuffled])

    assert race(log) == ["won"] * WRITERS
    assert Key.objects.filter(name__in=names).count() == len(names)
    assert LatestMetric.objects.count() == len(names) * WRITERS


def test_newest_metric_is_the_newest_whoever_comes_last():
    run = RunFactory()

    ends = race(
        lambda number: run.log(
            metrics=[
                NewPoint("loss", float(number), step) for step in range(number, 50)
            ]
        )
    )

    assert ends == ["won"] * WRITERS
    newest = LatestMetric.objects.get()
    points = run.metric_points.order_by("-step", "-timestamp_ms", "-value")
    first = points.first()
    assert (newest.step, newest.timestamp_ms, newest.value) == (
        first.step,
        first.timestamp_ms,
        first.value,
    )


def test_one_file_stays_under_a_path():
    run = RunFactory()

    ends = race(
        lambda number: artifacts.save(run, "model.onnx", [b"%d" % number], by=None)
    )

    assert ends == ["won"] * WRITERS
    kept = Artifact.objects.get()
    assert artifacts.file_path(kept).exists()
    folder = artifacts.file_path(kept).parent.parent
    ids = {path.name for path in folder.rglob("*") if path.is_file()}
    entries = AuditEntry.objects.filter(action="remove_artifact")
    gone = {entry.object_id.replace("-", "") for entry in entries}
    assert len(gone) == WRITERS - 1
    assert not gone & ids


def test_path_is_a_file_or_a_folder_whoever_comes_first():
    for _ in range(5):
        run, paths = RunFactory(), ["a", "a/b", "a/b/c", "a"]

        ends = race(
            lambda number, run=run, paths=paths: artifacts.save(
                run, paths[number], [b"x"], by=None
            ),
            writers=len(paths),
        )

        assert ends.count("won") in (1, 2)  # "a" replaces "a"
        assert run.artifacts.count() == 1


def test_file_is_not_replaced_under_a_version_that_is_being_registered():
    for number in range(5):
        run = RunFactory()
        artifacts.save(run, "model.onnx", [b"first"], by=None)
        verbs = [
            lambda row=run, name=f"m{number}": ModelVersion.register(
                name, by=None, run=row
            ),
            lambda row=run: artifacts.save(row, "model.onnx", [b"second"], by=None),
        ]

        race(lambda turn, do=verbs: do[turn](), writers=2)

        for version in ModelVersion.objects.filter(run=run):
            assert artifacts.file_path(version.artifact).exists()


def test_a_logged_model_is_registered_or_deleted_not_both():
    for number in range(10):
        new = NewLoggedModel(ExperimentFactory().pk, "tree")
        logged = LoggedModel.begin(new, by=None)
        verbs = [
            lambda row, name=f"model-{number}": ModelVersion.register(
                name, by=None, logged_model=row
            ),
            lambda row: row.delete_softly(by=None),
        ]
        rows = [LoggedModel.objects.get(pk=logged.pk) for _ in verbs]

        ends = race(lambda place, rows=rows, verbs=verbs: verbs[place](rows[place]), 2)

        logged.refresh_from_db()
        assert ends in (["artifact_in_use", "won"], ["not_found", "won"])
        assert logged.model_versions.exists() == (logged.deleted_ms is None)
