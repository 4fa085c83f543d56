"""Registered models and their versions as the protocol shows them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from lifecycle.mlflow.locations import model_location, run_location
from lifecycle.models import (
    ModelVersion,
    RegisteredModel,
)
from lifecycle.states import ModelStage
from lifecycle.times import to_ms

Message = dict[str, Any]
STAGE_OF_WIRE: Final = {
    "none": ModelStage.EXPERIMENTAL,
    "staging": ModelStage.STAGING,
    "production": ModelStage.PRODUCTION,
    "archived": ModelStage.ARCHIVED,
}
WIRE_OF_STAGE: Final = {
    str(ModelStage.EXPERIMENTAL): "None",
    str(ModelStage.STAGING): "Staging",
    str(ModelStage.PRODUCTION): "Production",
    str(ModelStage.ARCHIVED): "Archived",
}


_LABELS: Final = """
    SELECT version_id, 0, key, value FROM lifecycle_modelversiontag
    WHERE version_id IN ({0})
    UNION ALL
    SELECT version_id, 1, alias, '' FROM lifecycle_modelalias
    WHERE version_id IN ({0})
    ORDER BY 3
"""
_CHUNK: Final = 10_000


class VersionRow(NamedTuple):
    """The columns of a version that its message needs; `values_list` names them so."""

    pk: UUID | str
    model_id: int
    model__name: str
    number: int
    created_at: datetime
    updated_at: datetime
    stage: str
    description: str
    source: str
    artifact_path: str
    run__uid: str | None
    run_label: str
    run_link: str
    logged_model_id: str | None
    created_by__username: str | None


Rows = QuerySet[ModelVersion, VersionRow]


def rows_of(versions: QuerySet[ModelVersion]) -> Rows:
    """Return the versions as rows, in one query and without model objects."""
    return versions.values_list(*VersionRow._fields, named=True)


def fetched(statement: str, values: Sequence[Any]) -> list[VersionRow]:
    """Return what a statement of `rows_of` finds, past Django's own conversions."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [_row(*columns) for columns in cursor.fetchall()]


def _row(pk: Any, model: int, name: str, number: int, *rest: Any) -> VersionRow:
    created, updated, *others = rest
    return VersionRow(
        pk, model, name, number, _moment(created), _moment(updated), *others
    )


def _moment(stored: datetime) -> datetime:
    """SQLite's moments say no zone; all of ours are UTC."""
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)


def version_messages(versions: Iterable[VersionRow]) -> list[Message]:
    """Return the ModelVersion messages; tags and aliases come in one query a chunk."""
    rows = list(versions)
    pks = [_hex(row.pk) for row in rows]
    tags: dict[str, list[Message]] = defaultdict(list)
    aliases: dict[str, list[str]] = defaultdict(list)
    for start in range(0, len(pks), _CHUNK):
        for pk, is_alias, name, value in _labels(pks[start : start + _CHUNK]):
            if is_alias:
                aliases[_hex(pk)].append(name)
            else:
                tags[_hex(pk)].append({"key": name, "value": value})
    return [
        version_message(row, tags[pk], aliases[pk])
        for row, pk in zip(rows, pks, strict=True)
    ]


def _labels(pks: list[str]) -> list[tuple[UUID | str, int, str, str]]:
    marks = ", ".join(["%s"] * len(pks))
    with connection.cursor() as cursor:
        cursor.execute(_LABELS.format(marks), [*pks, *pks])
        found: list[tuple[UUID | str, int, str, str]] = cursor.fetchall()
    return found


def _hex(pk: UUID | str) -> str:
    """Return a primary key as SQLite keeps it; PostgreSQL has a type for it."""
    return pk if isinstance(pk, str) else pk.hex


def shown(version: ModelVersion) -> Message:
    """Return the message of one version as it is stored now."""
    rows = rows_of(ModelVersion.objects.filter(pk=version.pk))
    return version_messages(rows)[0]


def version_message(
    row: VersionRow, tags: list[Message], aliases: list[str]
) -> Message:
    message: Message = {
        "name": row.model__name,
        "version": str(row.number),
        "creation_timestamp": to_ms(row.created_at),
        "last_updated_timestamp": to_ms(row.updated_at),
        "current_stage": WIRE_OF_STAGE[row.stage],
        "description": row.description,
        "source": row.source or _own_source(row),
        "run_id": row.run__uid or row.run_label,
        "status": "READY",
        "run_link": row.run_link,
    }
    if row.created_by__username:
        message["user_id"] = row.created_by__username
    if row.logged_model_id:
        message["model_id"] = row.logged_model_id
    if tags:
        message["tags"] = tags
    if aliases:
        message["aliases"] = aliases
    return message


def model_message(model: RegisteredModel, latest: Sequence[VersionRow]) -> Message:
    """Return the RegisteredModel message; `latest` has the newest of each stage.

    For a list of models, `tags` and `aliases__version` must be prefetched.
    """
    message: Message = {
        "name": model.name,
        "creation_timestamp": to_ms(model.created_at),
        "last_updated_timestamp": to_ms(model.updated_at),
        "description": model.description,
    }
    if model.created_by:
        message["user_id"] = model.created_by.username
    if latest:
        message["latest_versions"] = version_messages(latest)
    if tags := _tags(model.tags.all()):
        message["tags"] = tags
    if aliases := [
        {"alias": alias.alias, "version": str(alias.version.number)}
        for alias in model.aliases.all()
    ]:
        message["aliases"] = aliases
    return message


def download_uri(version: ModelVersion) -> str:
    """Return where a client finds the version's files: with us, or its label."""
    if version.logged_model is not None:
        model = version.logged_model
        label = model.experiment.artifact_label
        return model_location(model.experiment_id, model.pk, label)
    if version.run is not None and _is_of_run(version):
        run = version.run
        root = run_location(run.experiment_id, run.uid, run.experiment.artifact_label)
        return f"{root}/{version.artifact_path}".rstrip("/")
    return version.source


def _is_of_run(version: ModelVersion) -> bool:
    """Return whether the source is of ours: a remote label stays what it is."""
    source = version.source
    return not source or source.startswith(("runs:", "mlflow-artifacts:", "models:"))


def _own_source(row: VersionRow) -> str:
    """Return a source for a version that was made by REST, from its run."""
    if row.logged_model_id:
        return f"models:/{row.logged_model_id}"
    if row.run__uid is None:
        return row.artifact_path
    return f"runs:/{row.run__uid}/{row.artifact_path}".rstrip("/")


def _tags(rows: Iterable[Any]) -> list[dict[str, str]]:
    return [{"key": tag.key, "value": tag.value} for tag in rows]
