"""Loads the rows of a backup into tables of the very state that they were read in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Field, ForeignKey, JSONField, Model, TextField, Value

from mlops.backup.cells import decode, kind_of
from mlops.backup.folder import BackupFolder
from mlops.backup.manifest import BackupManifest, Table
from mlops.backup.progress import TerminalProgress
from mlops.backup.seal import Damaged
from mlops.backup.tables import Registry, carried, columns, label

Node = tuple[str, str]
_Prepare = Callable[[Any], Any]


class BadVersion(Exception):
    """The backup is of a newer version than this one."""


class DoesNotFit(Exception):
    """A row that this database does not take."""


def require_known(manifest: BackupManifest) -> None:
    """Raise BadVersion if the backup has migrations that this version does not know."""
    known = MigrationExecutor(connection).loader.disk_migrations
    strange = [
        f"{app}.{name}" for app, name in _nodes(manifest) if (app, name) not in known
    ]
    if strange:
        raise BadVersion(
            f"The backup is of version {manifest.version}, and has the migrations "
            f"{', '.join(strange[:5])}, which this version does not have: restore it "
            "with that version or a newer one."
        )


def load(
    manifest: BackupManifest, folder: BackupFolder, progress: TerminalProgress
) -> None:
    """Fill an empty database: tables as they were, their rows, then the way to now."""
    registry = _migrate_to(_nodes(manifest))
    models = {label(one): one for one in carried(registry)}
    progress.begin("rows", sum(table.rows for table in manifest.tables.values()))
    with _unchecked():
        _empty(carried(registry))
        for name, table in manifest.tables.items():
            _load_table(models[name], table, folder, progress)
    progress.end()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # No table can be changed while rows of it wait to be checked.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    _count_on(carried(registry), manifest.sequences)
    call_command("migrate", verbosity=0, interactive=False)
    _count_on(carried(), manifest.sequences)


def _nodes(manifest: BackupManifest) -> list[Node]:
    return [(app, name) for app, name in manifest.migrations]


def _migrate_to(nodes: list[Node]) -> Registry:
    """Make the tables as these migrations have them; return the models of then."""
    executor = MigrationExecutor(connection)
    graph, wanted = executor.loader.graph, set(nodes)
    newest = [
        node
        for node in nodes
        if node in graph.nodes
        and not any(
            child.key in wanted and child.key[0] == node[0]
            for child in graph.node_map[node].children
        )
    ]
    executor.migrate(newest)
    state = MigrationExecutor(connection).loader.project_state(newest)
    return cast("Registry", state.apps)


@contextmanager
def _unchecked() -> Iterator[None]:
    """Let rows come in any order; who refers to what is checked in the end."""
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            # A migration may have left them to be checked at each statement.
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        yield
        return
    connection.disable_constraint_checking()
    with transaction.atomic():
        yield
    connection.enable_constraint_checking()
    connection.check_constraints()


def _empty(models: list[type[Model]]) -> None:
    """Take out what the migrations put in: the backup has its own of it."""
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f"DELETE FROM {_table(model)}")  # noqa: S608 - a model's


def _load_table(
    model: type[Model], table: Table, folder: BackupFolder, progress: TerminalProgress
) -> None:
    by_name = {field.attname: field for field in columns(model)}
    fields = [by_name[name] for name in table.columns]
    prepare = [_preparation(field) for field in fields]
    count = 0
    for name in table.chunks:
        rows = [_prepared(row, prepare) for row in decode(folder.get(name), fields)]
        try:
            _insert(model, fields, rows)
        except Exception as refused:
            raise DoesNotFit(f"{label(model)}: {refused}") from refused
        count += len(rows)
        progress.advance(len(rows))
    if count != table.rows:
        raise Damaged(f"{label(model)} has {count} rows; {table.rows} were backed up.")


def _insert(
    model: type[Model], fields: list["Field[Any, Any]"], rows: list[list[Any]]
) -> None:
    names = ", ".join(_quoted(field.column) for field in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {_table(model)} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(fields))
        cursor.executemany(
            f"INSERT INTO {_table(model)} ({names}) VALUES ({marks})",  # noqa: S608 - a model's
            rows,
        )


_PLAIN: Final = frozenset(
    {"AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField"}
    | {"SmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField"}
    | {"PositiveSmallIntegerField", "BooleanField", "FloatField", "CharField"}
)


def _preparation(field: "Field[Any, Any]") -> _Prepare | None:
    """Return what makes a value fit for this database; None if it is so already."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    if kind_of(field) in _PLAIN or type(field) is TextField:
        return None
    if isinstance(field, JSONField) and not field.null:
        # None is JSON's null there, which the database has as a value.
        return lambda value: field.get_db_prep_value(
            Value(None, field) if value is None else value, connection
        )
    return lambda value: field.get_db_prep_save(value, connection)


def _prepared(row: tuple[Any, ...], prepare: list[_Prepare | None]) -> list[Any]:
    return [
        value if change is None else change(value)
        for value, change in zip(row, prepare, strict=True)
    ]


def _count_on(models: list[type[Model]], last: dict[str, int]) -> None:
    """Give out no number again that was given out before, gone rows' neither."""
    with connection.cursor() as cursor:
        for model in models:
            options = model._meta  # noqa: SLF001 - Django's public name
            table, key = options.db_table, options.pk.column
            given = last.get(table, 0)
            if connection.vendor == "sqlite":
                cursor.execute(
                    "UPDATE sqlite_sequence SET seq = max(seq, %s) WHERE name = %s",
                    [given, table],
                )
                if given and not cursor.rowcount:
                    cursor.execute(
                        "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)",
                        [table, given],
                    )
                continue
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, key])
            (sequence,) = cursor.fetchone()
            if sequence is not None:
                cursor.execute(
                    f"SELECT setval(%s, most) FROM (SELECT greatest(%s,"  # noqa: S608 - a model's
                    f" max({_quoted(key)})) AS most"
                    f" FROM {_table(model)}) AS found WHERE most > 0",
                    [sequence, given],
                )


def _table(model: type[Model]) -> str:
    return _quoted(model._meta.db_table)  # noqa: SLF001


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(name or "")
