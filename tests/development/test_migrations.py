"""A migration leaves the release before it able to serve, and to be gone back to."""

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.utils import NotSupportedError

from mlops.core.online import AddIndexOnline
from tests.development.migrations import (
    GONE,
    LARGE,
    OURS,
    faults,
    rebuilds,
    released,
    since,
    state_of,
)

SERVES = models.CheckConstraint(condition=models.Q(name__gt=""), name="run_named")


def migration_of(*operations, **attributes):
    kind = type("Migration", (migrations.Migration,), attributes)
    made = kind("0002_planted", "lifecycle")
    made.operations = list(operations)
    return made


@pytest.fixture
def small_state():
    """A table of runs as the last release has it."""
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=50)),
        ("note", models.CharField(max_length=50, null=True)),
    ]
    state = ProjectState()
    state.add_model(ModelState("lifecycle", "Run", fields, {"indexes": []}))
    return state


def nothing(apps, schema_editor):
    pass


INDEX = models.Index(fields=["name"], name="run_name")
OLD = {
    "no value": migrations.AddField("run", "kind", models.CharField(max_length=9)),
    "unique": migrations.AddField(
        "run", "number", models.IntegerField(unique=True, db_default=0)
    ),
    "removed": migrations.RemoveField("run", "note"),
    "renamed": migrations.RenameField("run", "note", "remark"),
    "deleted": migrations.DeleteModel("Run"),
    "another name": migrations.RenameModel("Run", "Trial"),
    "another table": migrations.AlterModelTable("run", "trials"),
    "not null": migrations.AlterField("run", "note", models.CharField(max_length=50)),
    "shorter": migrations.AlterField("run", "name", models.CharField(max_length=9)),
    "another type": migrations.AlterField("run", "name", models.TextField()),
    "once only": migrations.AlterField(
        "run", "name", models.CharField(max_length=50, unique=True)
    ),
    "held": migrations.AddConstraint("run", SERVES),
    "index": migrations.AddIndex("run", INDEX),
    "no way back": migrations.RunPython(nothing),
    "no way back in SQL": migrations.RunSQL("SELECT 1"),
    "removed at once": migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RemoveField("run", "note")],
        state_operations=[migrations.RemoveField("run", "note")],
    ),
}
NEW = {
    "null": migrations.AddField(
        "run", "kind", models.CharField(max_length=9, null=True)
    ),
    "a default of the database": migrations.AddField(
        "run", "kind", models.CharField(max_length=9, db_default="")
    ),
    "a table": migrations.CreateModel(
        "Trial", [("id", models.BigAutoField(primary_key=True))]
    ),
    "longer": migrations.AlterField("run", "name", models.CharField(max_length=90)),
    "may be null": migrations.AlterField(
        "run", "name", models.CharField(max_length=50, null=True)
    ),
    "an index beside writers": AddIndexOnline("run", INDEX),
    "a way back": migrations.RunPython(nothing, nothing),
    "forgotten by the models first": migrations.SeparateDatabaseAndState(
        state_operations=[migrations.RemoveField("run", "note")]
    ),
}


@pytest.mark.parametrize("kind", OLD)
def test_what_the_last_release_would_stumble_over_is_named(kind, small_state):
    assert len(faults(migration_of(OLD[kind]), small_state, small_state)) == 1


@pytest.mark.parametrize("kind", NEW)
def test_what_only_adds_is_taken(kind, small_state):
    assert faults(migration_of(NEW[kind]), small_state, small_state) == []


def test_what_the_last_release_had_forgotten_may_go(small_state):
    release = small_state.clone()
    release.remove_field("lifecycle", "run", "note")
    removed = migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RemoveField("run", "note")]
    )

    assert faults(migration_of(removed), small_state, release) == []


def test_a_reason_excuses_one_operation(small_state):
    excused = migration_of(
        OLD["removed"], OLD["held"], safe_because={"run_named": "it was held in code"}
    )

    assert faults(excused, small_state, small_state) == [f"note: {GONE}"]


def test_large_tables_are_tables():
    ours = {
        model._meta.db_table
        for app in OURS
        for model in apps.get_app_config(app).get_models()
    }

    assert ours >= LARGE


@pytest.mark.django_db  # SQL is made by a connection of SQLite
def test_a_rebuild_of_a_large_table_is_found():
    state = state_of(released())
    anew = migrations.AddField(
        "run", "kind", models.CharField(max_length=9, default="")
    )
    added = migrations.AddField(
        "run", "kind", models.CharField(max_length=9, null=True)
    )

    assert rebuilds(migration_of(anew), state) == ["lifecycle_run"]
    assert rebuilds(migration_of(added), state) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="builds beside writers")
def test_an_index_is_built_beside_writers_or_not_at_all():
    before = state_of(released())
    after = before.clone()
    online = AddIndexOnline("run", models.Index(fields=["name"], name="run_online"))
    online.state_forwards("lifecycle", after)

    with (
        pytest.raises(NotSupportedError, match="atomic = False"),
        connection.schema_editor(atomic=True) as editor,
    ):
        online.database_forwards("lifecycle", editor, before, after)
    with connection.schema_editor(atomic=False) as editor:
        online.database_forwards("lifecycle", editor, before, after)
        online.database_backwards("lifecycle", editor, after, before)


def test_no_migration_since_the_last_release_breaks_it():
    base = released()
    release = state_of(base)

    found = {
        str(migration): faults(migration, before, release)
        for migration, before in since(base)
    }

    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.django_db  # SQL is made by a connection of SQLite
def test_no_migration_since_the_last_release_rebuilds_a_large_table():
    found = {
        str(migration): rebuilds(migration, before)
        for migration, before in since(released())
    }

    assert {name: tables for name, tables in found.items() if tables} == {}
