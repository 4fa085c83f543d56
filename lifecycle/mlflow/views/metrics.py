"""Reading metrics: the history of one, of many runs, or a sample of it."""

from collections.abc import Iterator
from typing import Any

import orjson
from django.db import connection
from django.http import StreamingHttpResponse

from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fastpath.children import metric_value
from lifecycle.mlflow.fastpath.history import history
from lifecycle.mlflow.fields import missing
from lifecycle.mlflow.limits import HISTORY_MAX, HISTORY_MAX_RUNS
from lifecycle.mlflow.metric_sampling import sampled
from lifecycle.models import MetricPoint, Run

_MAX_SAMPLE = 2500
Point = dict[str, Any]


def get_history(call: MlflowCall) -> Answer:
    """Return all points, or a page of them where `max_results` is given.

    All points are streamed, a page after the other, if they are many.
    """
    fields = call.fields
    run_id, key = fields.run_id(), fields.text("metric_key", required=True)
    limit = fields.integer("max_results")
    if limit is not None and limit <= 0:
        raise InvalidValue(
            f"Invalid value {limit} for parameter 'max_results' supplied. It must be a "
            "positive integer."
        )
    size = HISTORY_MAX if limit is None else min(limit, HISTORY_MAX)
    with connection.cursor() as cursor:
        points, token = history(cursor, run_id, key, size, fields.text("page_token"))
    if token and limit is None:
        parts = _in_parts(run_id, key, points, token)
        return StreamingHttpResponse(parts, content_type="application/json")
    answer: dict[str, Any] = {"metrics": points} if points else {}
    if token:
        answer["next_page_token"] = token
    return answer


def _in_parts(run_id: str, key: str, page: list[Point], token: str) -> Iterator[bytes]:
    """Yield the answer with this page and all that follow, a page in memory."""
    yield b'{"metrics":[' + orjson.dumps(page)[1:-1]
    while token:
        with connection.cursor() as cursor:
            page, token = history(cursor, run_id, key, HISTORY_MAX, token)
        yield b"," + orjson.dumps(page)[1:-1]
    yield b"]}"


def get_history_bulk(call: MlflowCall) -> Answer:
    """Return the points of several runs, by run, time, step and value."""
    run_ids = call.fields.texts("run_id")
    if not run_ids:
        raise InvalidValue(
            "GetMetricHistoryBulk request must specify at least one run_id."
        )
    if len(run_ids) > HISTORY_MAX_RUNS:
        raise InvalidValue(
            "GetMetricHistoryBulk request cannot specify more than "
            f"{HISTORY_MAX_RUNS} run_ids. Received {len(run_ids)} run_ids."
        )
    if not call.fields.has("metric_key"):
        raise InvalidValue("GetMetricHistoryBulk request must specify a metric_key.")
    key = call.fields.text("metric_key")
    limit = min(call.fields.limit("max_results", HISTORY_MAX, 2**31), HISTORY_MAX)
    rows = (
        MetricPoint.objects.filter(run__uid__in=run_ids, key__name=key)
        .order_by("run__uid", "timestamp_ms", "step", "value")
        .values_list("run__uid", "step", "timestamp_ms", "value", "is_nan")[:limit]
    )
    return {"metrics": [_of_run(key, *row) for row in rows]}


def get_history_bulk_interval(call: MlflowCall) -> Answer:
    """Return at most `max_results` points of each run, evenly spread, ends included."""
    run_ids = call.fields.texts("run_ids")
    if not run_ids:
        raise missing("run_ids")
    if len(run_ids) > HISTORY_MAX_RUNS:
        raise InvalidValue(
            f"GetMetricHistoryBulkInterval request must specify at most "
            f"{HISTORY_MAX_RUNS} run_ids. Received {len(run_ids)} run_ids."
        )
    key = call.fields.text("metric_key", required=True)
    limit = call.fields.integer("max_results", _MAX_SAMPLE) or 0
    if not 0 < limit <= _MAX_SAMPLE:
        raise InvalidValue(f"max_results must be between 1 and {_MAX_SAMPLE}.")
    between = _interval(call)
    found: list[Point] = []
    runs = dict(Run.objects.filter(uid__in=run_ids).values_list("uid", "pk"))
    for run_id in run_ids:
        if run_id not in runs:
            raise Missing(f"Run with id={run_id} not found")
    with connection.cursor() as cursor:
        for run_id in run_ids:
            rows = sampled(cursor, runs[run_id], key, between=between, most=limit)
            found += [_of_run(key, run_id, *row) for row in rows]
    return {"metrics": found}


def _interval(call: MlflowCall) -> tuple[int, int] | None:
    start, end = call.fields.integer("start_step"), call.fields.integer("end_step")
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise InvalidValue(
            "If either start step or end step are specified, both must be specified."
        )
    if start > end:
        raise InvalidValue(
            "end_step must be greater than start_step. "
            f"Found start_step={start} and end_step={end}."
        )
    return start, end


def _of_run(*row: Any) -> Point:
    """Return a point with its run; the columns come as (key, run, step, time, …).

    `value` and `is_nan` are the last two.
    """
    key, run_id, step, timestamp, value, is_nan = row
    return {
        "key": key,
        "value": metric_value(value, is_nan),
        "timestamp": timestamp,
        "step": step,
        "run_id": run_id,
    }
