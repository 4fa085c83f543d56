"""Tags of runs and experiments: a key with a value, written over."""

from collections.abc import Collection, Mapping

from django.db.backends.utils import CursorWrapper

_UPSERT_OF_RUN = """
    INSERT INTO lifecycle_runtag (run_id, key_id, value) VALUES (%s, %s, %s)
    ON CONFLICT (run_id, key_id) DO UPDATE SET value = excluded.value
"""
_DELETE_OF_RUN = """
    DELETE FROM lifecycle_runtag
    WHERE run_id = %s AND key_id = (SELECT id FROM lifecycle_key WHERE name = %s)
"""
_UPSERT_OF_EXPERIMENT = """
    INSERT INTO lifecycle_experimenttag (experiment_id, key_id, value)
    VALUES (%s, %s, %s)
    ON CONFLICT (experiment_id, key_id) DO UPDATE SET value = excluded.value
"""
_DELETE_OF_EXPERIMENT = """
    DELETE FROM lifecycle_experimenttag
    WHERE experiment_id = %s
        AND key_id = (SELECT id FROM lifecycle_key WHERE name = %s)
"""
_OF_EXPERIMENT = """
    SELECT k.name, t.value
    FROM lifecycle_experimenttag t JOIN lifecycle_key k ON k.id = t.key_id
    WHERE t.experiment_id = %s
"""
_NAMED_OF_EXPERIMENT = f"{_OF_EXPERIMENT} AND k.name IN ({{}})"


def write_of_run(
    cursor: CursorWrapper, run: int, tags: Mapping[str, str], keys: Mapping[str, int]
) -> None:
    """Store tags of a run beside those that are there; one gets its new value."""
    if tags:
        rows = sorted((run, keys[name], value) for name, value in tags.items())
        cursor.executemany(_UPSERT_OF_RUN, rows)


def delete_of_run(cursor: CursorWrapper, run: int, name: str) -> bool:
    """Delete a tag of a run; return whether there was one."""
    cursor.execute(_DELETE_OF_RUN, (run, name))
    return bool(cursor.rowcount)


def write_of_experiment(
    cursor: CursorWrapper,
    experiment: int,
    tags: Mapping[str, str],
    keys: Mapping[str, int],
) -> None:
    """Store tags of an experiment beside those that are there."""
    if tags:
        rows = sorted((experiment, keys[name], value) for name, value in tags.items())
        cursor.executemany(_UPSERT_OF_EXPERIMENT, rows)


def delete_of_experiment(cursor: CursorWrapper, experiment: int, name: str) -> bool:
    """Delete a tag of an experiment; return whether there was one."""
    cursor.execute(_DELETE_OF_EXPERIMENT, (experiment, name))
    return bool(cursor.rowcount)


def of_experiment(
    cursor: CursorWrapper, experiment: int, names: Collection[str] | None = None
) -> dict[str, str]:
    """Return the tags of an experiment: those of these names, or all."""
    if names is None:
        cursor.execute(_OF_EXPERIMENT, (experiment,))
    else:
        marks = ",".join(["%s"] * len(names)) or "NULL"
        cursor.execute(_NAMED_OF_EXPERIMENT.format(marks), [experiment, *names])
    return dict(cursor.fetchall())
