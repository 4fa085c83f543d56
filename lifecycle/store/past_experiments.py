"""Experiments of an imported history, under their own ids or over an empty one."""

from collections.abc import Mapping
from typing import Final

from django.db import connection
from django.db.backends.utils import CursorWrapper

from lifecycle.store import experiments, keys, sql, tags
from lifecycle.store.experiments import NewExperiment
from lifecycle.store.recording import Recording

_OVERWRITE = """
    UPDATE lifecycle_experiment SET name = %s, description = %s, artifact_label = %s,
        created_at = %s, updated_at = %s, deleted_at = %s
    WHERE id = %s
"""
# An id that was given explicitly moves no sequence: the next one would be taken.
_SKIP_IDS: Final = """
    SELECT setval(pg_get_serial_sequence('lifecycle_experiment', 'id'),
        GREATEST((SELECT max(id) FROM lifecycle_experiment), 1))
"""


def record_as(
    history: Recording, pk: int, new: NewExperiment, labels: Mapping[str, str]
) -> int | None:
    """Store an experiment under an id; None where id or name is taken."""
    if not experiments.insert_as(history.cursor, pk, new):
        return None
    _label(history, pk, labels)
    history.count("experiments")
    return pk


def record_over(
    history: Recording, pk: int, new: NewExperiment, labels: Mapping[str, str]
) -> int:
    """Give an experiment that holds nothing the name, times and tags of a past one."""
    history.cursor.execute(
        _OVERWRITE,
        (
            new.name,
            new.description,
            new.artifact_label,
            sql.moment(new.created_at),
            sql.moment(new.updated_at or new.created_at),
            None if new.deleted_at is None else sql.moment(new.deleted_at),
            pk,
        ),
    )
    _label(history, pk, labels)
    history.count("experiments")
    return pk


def pass_ids(cursor: CursorWrapper) -> None:
    """Let the next experiment have an id after all that are there."""
    if connection.vendor == "postgresql":
        cursor.execute(_SKIP_IDS)


def _label(history: Recording, pk: int, labels: Mapping[str, str]) -> None:
    ids = keys.intern(history.cursor, labels)
    tags.write_of_experiment(history.cursor, pk, labels, ids)
    history.count("tags", len(labels))
