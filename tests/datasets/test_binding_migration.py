"""Rows of the release before: which features its migration binds, and to what."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from datasets.models import Feature

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("datasets", "0006_add_content_digest")]


@pytest.fixture
def before():
    """Take the tables back to the release before; yield its models, then go forward."""
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(leaves)


def dataset(apps, name, *versions):
    """Make a dataset whose versions have these columns; None is one that failed."""
    made = apps.get_model("datasets", "Dataset").objects.create(name=name)
    for number, columns in enumerate(versions, 1):
        version = made.versions.create(
            number=number,
            state="failed" if columns is None else "ready",
            digest=f"{name}{number}",
            ready_at=timezone.now(),
        )
        for place, (column, kind) in enumerate((columns or {}).items()):
            version.columns.create(
                position=place,
                name=column,
                original_name=column,
                data_type=kind,
                profile={"name": column, "mean": 2.0, "null_share": 0.0},
            )
        if columns is not None:
            made.current_version = version
        made.newest_version = version
        made.save()
    return made


def feature(apps, name, **fields):
    return apps.get_model("datasets", "Feature").objects.create(
        feature_name=name,
        feature_type="raw",
        data_type="float",
        description="A feature of before",
        **fields,
    )


def test_what_one_dataset_alone_has_had_is_bound_and_says_so(before):
    dataset(before, "shop", {"price": "BIGINT"}, {"price": "DOUBLE", "both": "BIGINT"})
    dataset(before, "gone", {"lost": "BIGINT", "x": "DATE"}, None, {"x": "DATE"})
    dataset(before, "third", {"both": "BIGINT"}, {"y": "BIGINT"})
    for name in ("price", "lost", "both", "nowhere"):
        feature(before, name, status="active")
    derived = feature(before, "derived")
    derived.upstream.add(before.get_model("datasets", "Feature").objects.first())
    before.get_model("datasets", "FeatureUsage").objects.create(
        feature=derived,
        feature_version="1.0.0",
        used_by_model="pricer",
        model_version="3",
        environment="production",
    )

    everything = MigrationExecutor(connection)
    everything.migrate(everything.loader.graph.leaf_nodes())

    found = {one.feature_name: one for one in Feature.objects.all()}
    states = {name: one.binding_state for name, one in found.items()}
    assert states == {
        "price": "bound",
        "lost": "broken",
        "both": "unbound",
        "nowhere": "unbound",
        "derived": "unbound",
    }
    price, lost = found["price"].binding, found["lost"].binding
    assert (price.dataset.name, price.types) == ("shop", {"price": "DOUBLE"})
    assert (price.origin, lost.origin) == ("migration", "migration")
    assert (lost.broken_since, lost.reason) == (3, "its column was removed")
    assert found["price"].column_statistics["mean"] == 2
    assert found["both"].statistics_reason.startswith("The feature is bound to no")
    assert found["derived"].upstream.count() == 1
    assert found["derived"].usages.get().used_by_model == "pricer"


def test_the_migration_goes_back_and_forth_without_a_loss(before):
    dataset(before, "shop", {"price": "BIGINT"})
    feature(before, "price")
    forward = [("datasets", "0008_bind_known_columns")]

    MigrationExecutor(connection).migrate(forward)
    MigrationExecutor(connection).migrate(BEFORE)
    MigrationExecutor(connection).migrate(forward)

    assert Feature.objects.get().binding.column == "price"
