"""What a migration does to the release before it: expand, migrate, contract.

The code of the last release goes on serving while a migration runs, and has to serve
again when an operator steps back without a restore. So a release only adds; what it
stopped using, the release after it removes. `faults` reads the operations, `rebuilds`
the SQL that SQLite would run.

An operation that looks worse than it is stands in its migration with the reason:

    class Migration(migrations.Migration):
        safe_because = {"name of the field, constraint or table": "why"}
"""

import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from django.db.migrations import Migration
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field
from django.db.utils import ConnectionHandler

from mlops.core.online import AddIndexOnline
from tests.releases import packing, replaying

Key = tuple[str, str]

OURS = ("core", "datasets", "lifecycle", "deployments", "webhooks")
LARGE = {
    *("core_auditentry", "datasets_column", "datasets_datasetevent"),
    *("datasets_datasetversion", "deployments_deployment"),
    *("deployments_deploymentevent", "deployments_trafficwindow"),
    *("lifecycle_artifact", "lifecycle_assessment", "lifecycle_latestmetric"),
    *("lifecycle_metriccurve", "lifecycle_metricpoint", "lifecycle_modelversion"),
    *("lifecycle_param", "lifecycle_run", "lifecycle_runinput", "lifecycle_runtag"),
    *("lifecycle_trace", "lifecycle_tracespans"),
}
"""Tables that may have a million rows: no statement may stop their writers for long."""
TAKEN_AWAY = {
    ops.RemoveField: "name",
    ops.DeleteModel: "name",
    ops.RenameField: "old_name",
    ops.RenameModel: "old_name",
    ops.AlterModelTable: "name",
}
REBUILT = re.compile(r'CREATE TABLE "new__(\w+)"')
GONE = "the last release's code still asks for it: stop using it now, remove it next"


def released() -> set[Key]:
    """Return the migrations of ours that the newest release's store has."""
    packed = replaying.folders()[-1] / "sqlite.tar.xz"
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(packed, "r:xz") as archive:
            archive.extract(packing.SQLITE, folder, filter="data")
        database = Path(folder) / packing.SQLITE
        with closing(sqlite3.connect(database)) as store:
            asked = store.execute("SELECT app, name FROM django_migrations")
            return {(app, name) for app, name in asked if app in OURS}


def since(base: set[Key]) -> list[tuple[Migration, ProjectState]]:
    """Return the migrations after these, in order, each with the state before it."""
    loader = MigrationLoader(None)
    news = sorted(key for key in loader.disk_migrations if key[0] in OURS)
    return [
        (loader.get_migration(*key), loader.project_state(key, at_end=False))
        for key in news
        if key not in base
    ]


def state_of(base: set[Key]) -> ProjectState:
    """Return the models as the code of a release has them."""
    return MigrationLoader(None).project_state(list(base))


def faults(
    migration: Migration, before: ProjectState, release: ProjectState
) -> list[str]:
    """Return what the last release's code would stumble over, a sentence each."""
    state, found = before.clone(), []
    for operation in migration.operations:
        found += list(_of(operation, migration, state, release))
        operation.state_forwards(migration.app_label, state)
    excused = set(getattr(migration, "safe_because", {}))
    return [f"{name}: {why}" for name, why in found if name not in excused]


def rebuilds(migration: Migration, before: ProjectState) -> list[str]:
    """Return the large tables that SQLite would write anew. It runs nothing."""
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    connection = ConnectionHandler({"default": sqlite})["default"]
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        migration.apply(before.clone(), editor, collect_sql=True)
        made = REBUILT.findall("\n".join(editor.collected_sql))
    excused = set(getattr(migration, "safe_because", {}))
    return sorted(LARGE.intersection(made) - excused)


def _of(
    one: Operation, migration: Migration, state: ProjectState, release: ProjectState
) -> Iterator[tuple[str, str]]:
    app = migration.app_label
    yield from ((getattr(one, TAKEN_AWAY[kind]), GONE) for kind in _taken_away(one))
    match one:
        case ops.AddField():
            yield from _added(one)
        case ops.AlterField():
            model = state.models[app, one.model_name_lower]
            yield from _altered(one, model.fields[one.name])
        case ops.AddConstraint():
            yield from _held(one, app, release)
        case ops.AddIndex():
            yield from _indexed(one, app)
        case ops.RunPython() | ops.RunSQL() if not one.reversible:
            yield type(one).__name__, "cannot be taken back: give it its reverse"
        case ops.SeparateDatabaseAndState():
            yield from _removed(one, app, release)


def _taken_away(one: Operation) -> list[type[Operation]]:
    return [kind for kind in TAKEN_AWAY if isinstance(one, kind)]


def _added(one: ops.AddField) -> Iterator[tuple[str, str]]:
    field: Field = one.field
    if not (field.null or field.many_to_many or field.db_default is not NOT_PROVIDED):
        yield one.name, "the last release inserts rows without it: null, or db_default"
    if field.unique and not field.null:
        yield one.name, "the rows that are there have no value of their own"


def _altered(one: ops.AlterField, old: Field) -> Iterator[tuple[str, str]]:
    new: Field = one.field
    if old.null and not new.null:
        yield one.name, "the last release still writes NULL"
    if new.unique and not old.unique:
        yield one.name, "the last release may still write the same value twice"
    if old.get_internal_type() != new.get_internal_type():
        yield (
            one.name,
            "another type: add a field, fill it, and remove the old one next",
        )
    if (old.max_length or 0) > (new.max_length or 10**9):
        yield one.name, "the last release still writes longer values"


def _held(
    one: ops.AddConstraint, app: str, release: ProjectState
) -> Iterator[tuple[str, str]]:
    model = release.models.get((app, one.model_name_lower))
    if model is not None:
        known = {each.name for each in model.options.get("constraints", [])}
        if one.constraint.name not in known:
            yield one.constraint.name, "the last release does not keep to it"


def _indexed(one: ops.AddIndex, app: str) -> Iterator[tuple[str, str]]:
    if not isinstance(one, AddIndexOnline) and f"{app}_{one.model_name_lower}" in LARGE:
        yield one.index.name, "a large table: AddIndexOnline, in a file alone"


def _removed(
    one: ops.SeparateDatabaseAndState, app: str, release: ProjectState
) -> Iterator[tuple[str, str]]:
    """What is removed from the database has to be unknown to the last release."""
    for inner in one.database_operations:
        match inner:
            case ops.RemoveField():
                model = release.models.get((app, inner.model_name_lower))
                if model is not None and inner.name in model.fields:
                    yield inner.name, GONE
            case ops.DeleteModel() if (app, inner.name_lower) in release.models:
                yield inner.name, GONE
