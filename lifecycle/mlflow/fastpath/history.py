"""The history of a metric: rows as they come, straight to JSON."""

from typing import Any

from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow import tokens
from lifecycle.mlflow.fastpath.children import metric_value
from lifecycle.mlflow.fastpath.runs import found_run

_KIND = "history"
_PAGE = """
    SELECT p.timestamp_ms, p.step, p.value, p.is_nan, p.id
    FROM lifecycle_metricpoint p
    WHERE p.run_id = %s AND p.key_id = (SELECT id FROM lifecycle_key WHERE name = %s)
"""
_AFTER = " AND (p.timestamp_ms, p.step, p.value, p.id) > (%s, %s, %s, %s)"
_ORDER = " ORDER BY p.timestamp_ms, p.step, p.value, p.id"

Page = tuple[list[dict[str, Any]], str]


def history(
    cursor: CursorWrapper, run_id: str, key: str, limit: int | None, token: str
) -> Page:
    """Return points by (time, step, value) and the next page's token, "" at the end.

    Without a limit all of them. Raises Missing for an unknown run.
    """
    run, _, _ = found_run(cursor, run_id)
    statement = _PAGE
    values: list[Any] = [run, key]
    kind = f"{_KIND}:{run}:{key}"
    if token:
        statement += _AFTER
        values += tokens.unseal(kind, token)
    statement += _ORDER
    if limit is not None:
        statement += f" LIMIT {limit + 1}"
    cursor.execute(statement, values)
    rows = cursor.fetchall()
    following = ""
    if limit is not None and len(rows) > limit:
        rows = rows[:limit]
        timestamp, step, value, _, pk = rows[-1]
        following = tokens.seal(kind, [timestamp, step, value, pk])
    return [_message(key, row) for row in rows], following


def _message(key: str, row: tuple[int, int, float, bool, int]) -> dict[str, Any]:
    timestamp, step, value, is_nan, _ = row
    if is_nan or value - value != 0:  # NaN, or an infinity (inf - inf is NaN)
        return {
            "key": key,
            "value": metric_value(value, is_nan),
            "timestamp": timestamp,
            "step": step,
        }
    return {"key": key, "value": value, "timestamp": timestamp, "step": step}
