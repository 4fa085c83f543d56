"""Purging what was deleted: rows, files and names go; what is needed stays."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from lifecycle import artifacts
from lifecycle.models import Experiment, MetricPoint, ModelVersion, Run
from lifecycle.models.metric import Point
from lifecycle.purge import purge
from mlops.core.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(person):
    by = person("data scientist")
    run = Run.start(Experiment.create("old", by=by), by=by)
    run.log(metrics=[Point("loss", 0.5)])
    artifacts.save(run, "model.onnx", [b"12345"], by=by)
    return run


def later():
    return timezone.now() + timedelta(seconds=1)


def test_a_deleted_run_goes_with_its_points_and_files(run):
    file = artifacts.file_path(run.artifacts.get())
    run.delete_softly(by=None)

    done = purge(later())

    assert (done.runs, done.size_bytes) == ([run.uid], 5)
    assert not file.exists()
    assert not Run.objects.exists()
    assert not MetricPoint.objects.exists()
    assert AuditEntry.objects.filter(action="purge").count() == 1


def test_the_name_of_a_purged_experiment_is_free_again(run):
    run.experiment.delete_softly(by=None)

    done = purge(later())

    assert done.experiments == ["old"]
    assert Experiment.create("old", by=None).pk


def test_what_lives_or_was_deleted_since_stays(run):
    purge(later())
    run.delete_softly(by=None)

    purge(timezone.now() - timedelta(days=1))

    assert Run.objects.filter(pk=run.pk).exists()


def test_a_run_that_a_version_stands_on_stays_with_its_experiment(run):
    ModelVersion.register("m", by=None, run=run, artifact_path="model.onnx")
    run.experiment.delete_softly(by=None)

    done = purge(later())

    assert (done.kept, done.runs, done.experiments) == ([run.uid], [], [])
    assert artifacts.file_path(run.artifacts.get()).exists()


def test_a_dry_run_only_tells(run, capsys):
    run.delete_softly(by=None)

    call_command("purge", "--days", "-1", "--dry-run")

    assert "would remove 0 experiments, 1 runs" in capsys.readouterr().out
    assert Run.objects.exists()


def test_the_default_experiment_is_never_purged(person):
    Experiment(pk=0, name="Default", deleted_at=timezone.now()).save()

    assert purge(later()).experiments == []
