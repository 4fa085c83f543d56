"""Versions of the release before: whose run their migration gives them."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from lifecycle.models import ModelVersion
from lifecycle.times import to_ms

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("lifecycle", "0004_list_and_count_runs")]


@pytest.fixture
def before():
    """Take the tables back to the release before; yield its models, then go forward."""
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(leaves)


@pytest.fixture
def forward(before):
    """Return what runs the migration, and a maker of rows by the old models."""

    def migrate():
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    return migrate


@pytest.fixture
def experiment(before):
    return before.get_model("lifecycle", "Experiment").objects.create(name="study")


def logged(before, experiment, **fields):
    return before.get_model("lifecycle", "LoggedModel").objects.create(
        id="m-" + "1" * 32,
        experiment=experiment,
        name="tree",
        created_ms=1,
        updated_ms=1,
        **fields,
    )


def registered(before, **fields):
    model, _ = before.get_model("lifecycle", "RegisteredModel").objects.get_or_create(
        name="churn"
    )
    return model.versions.create(
        version=str(model.versions.count() + 1),
        number=model.versions.count() + 1,
        **fields,
    )


def log(before, run, name, *points):
    """Log (step, seconds from now, value); the last one is the newest."""
    key, _ = before.get_model("lifecycle", "Key").objects.get_or_create(name=name)
    for step, later_s, value in points:
        row = {
            "run": run,
            "key": key,
            "step": step,
            "timestamp_ms": to_ms(timezone.now()) + later_s * 1000,
            "value": value,
        }
        before.get_model("lifecycle", "MetricPoint").objects.create(**row)
    before.get_model("lifecycle", "LatestMetric").objects.create(**row)


def test_a_version_gets_the_run_and_the_metrics_that_it_had_then(
    before, forward, experiment
):
    run = before.get_model("lifecycle", "Run").objects.create(
        uid="a" * 32, experiment=experiment, started_ms=1
    )
    log(before, run, "loss", (1, -9, 0.5), (2, 3600, 0.1))
    log(before, run, "acc", (1, -9, 0.8))
    log(before, run, "late", (1, 3600, 1.0))
    log(before, run, "endless", (1, -9, float("inf")))
    made = registered(before, logged_model=logged(before, experiment, source_run=run))

    forward()

    version = ModelVersion.objects.get(pk=made.pk)
    figures = dict(version.metrics.values_list("name", "value"))
    assert version.run.uid == "a" * 32
    assert figures == {"acc": 0.8, "loss": 0.5}


def test_a_run_that_is_not_here_stays_a_label(before, forward, experiment):
    model = logged(before, experiment, source_run_label="elsewhere")
    made = registered(before, logged_model=model)

    forward()

    version = ModelVersion.objects.get(pk=made.pk)
    assert (version.run, version.run_label) == (None, "elsewhere")


def test_what_a_version_says_itself_stays(before, forward, experiment):
    model = logged(before, experiment, source_run_label="elsewhere")
    own = registered(before, logged_model=model, run_label="own")
    none = registered(before)

    forward()

    labels = ModelVersion.objects.filter(pk__in=[own.pk, none.pk]).order_by("number")
    assert [version.run_label for version in labels] == ["own", ""]
