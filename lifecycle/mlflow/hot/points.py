"""Metrics, parameters and tags of a run, written with plain SQL.

The statements are those of `lifecycle.models`, without the ORM in between. Rows go
in sorted order, so that two writers of one run never wait for each other in a circle.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow.errors import InvalidValue

_COLUMNS = "run_id, key_id, dataset, step, timestamp_ms, value, is_nan"
_VALUES = "VALUES (%s, %s, '', %s, %s, %s, %s)"
_INSERT_POINT = (
    f"INSERT INTO lifecycle_metricpoint ({_COLUMNS}) {_VALUES} ON CONFLICT DO NOTHING"
)
_UPSERT_LATEST = f"""
    INSERT INTO lifecycle_latestmetric AS latest ({_COLUMNS}) {_VALUES}
    ON CONFLICT (run_id, key_id, dataset) DO UPDATE SET
        step = excluded.step, timestamp_ms = excluded.timestamp_ms,
        value = excluded.value, is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp_ms, excluded.value)
        > (latest.step, latest.timestamp_ms, latest.value)
"""
_INSERT_PARAM = """
    INSERT INTO lifecycle_param (run_id, key_id, value, is_json)
    VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_UPSERT_TAG = """
    INSERT INTO lifecycle_runtag (run_id, key_id, value) VALUES (%s, %s, %s)
    ON CONFLICT (run_id, key_id) DO UPDATE SET value = excluded.value
"""
_PARAMS = (
    "SELECT key_id, value FROM lifecycle_param WHERE run_id = %s AND key_id IN ({})"
)


@dataclass(frozen=True, slots=True)
class Metric:
    """A point as the protocol sends it; `model_id` names a logged model."""

    key: str
    value: float
    timestamp_ms: int
    step: int
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


Row = tuple[int, int, int, int, float, bool]


def write_metrics(
    cursor: CursorWrapper, run: int, metrics: Sequence[Metric], keys: Mapping[str, int]
) -> None:
    """Store points and the newest of each metric; a point again is no error."""
    rows = sorted({_row(run, keys[metric.key], metric) for metric in metrics})
    newest = {row[1]: row for row in rows}
    if len(rows) == 1:
        cursor.execute(_INSERT_POINT, rows[0])
        cursor.execute(_UPSERT_LATEST, rows[0])
    elif rows:
        cursor.executemany(_INSERT_POINT, rows)
        cursor.executemany(_UPSERT_LATEST, list(newest.values()))


def write_params(
    cursor: CursorWrapper, run: int, params: Mapping[str, str], keys: Mapping[str, int]
) -> list[tuple[str, str, str]]:
    """Store parameters that are not there.

    Return (key, old value, new value) of those that are there with another value;
    the caller then gives the whole request up.
    """
    if not params:
        return []
    rows = sorted((run, keys[name], value, False) for name, value in params.items())
    cursor.executemany(_INSERT_PARAM, rows)
    marks = ",".join(["%s"] * len(rows))
    cursor.execute(_PARAMS.format(marks), [run, *(row[1] for row in rows)])
    stored = dict(cursor.fetchall())
    return [
        (name, stored[keys[name]], value)
        for name, value in params.items()
        if stored[keys[name]] != value
    ]


def write_tags(
    cursor: CursorWrapper, run: int, tags: Mapping[str, str], keys: Mapping[str, int]
) -> None:
    """Store tags; one that is there gets the new value."""
    if tags:
        rows = sorted((run, keys[name], value) for name, value in tags.items())
        cursor.executemany(_UPSERT_TAG, rows)


def refuse_changed(run_id: str, changed: list[tuple[str, str, str]]) -> None:
    """Raise InvalidValue if parameters would change; the client knows this text."""
    if len(changed) == 1:
        key, old, new = changed[0]
        raise InvalidValue(
            f"Changing param values is not allowed. Param with key='{key}' was already"
            f" logged with value='{old}' for run ID='{run_id}'. Attempted logging new"
            f" value '{new}'."
        )
    if changed:
        raise InvalidValue(
            "Changing param values is not allowed. Params were already logged='"
            f"{[{'key': k, 'old_value': o, 'new_value': n} for k, o, n in changed]}'"
            f" for run ID='{run_id}'."
        )


def _row(run: int, key_id: int, metric: Metric) -> Row:
    is_nan = math.isnan(metric.value)
    value = 0.0 if is_nan else metric.value
    return run, key_id, metric.step, metric.timestamp_ms, value, is_nan
