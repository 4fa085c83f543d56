"""What a run logs: metrics, parameters, tags, one at a time or in a batch."""

from collections.abc import Sequence

from django.db import connection
from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow import checks
from lifecycle.mlflow.door import NOTHING, Answer, Call
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fields import Fields, as_integer, as_number, missing, shown
from lifecycle.mlflow.hot import keys, points
from lifecycle.mlflow.hot.model_points import write_model_metrics
from lifecycle.mlflow.hot.points import Metric
from lifecycle.mlflow.hot.runs import writable_run
from lifecycle.mlflow.limits import (
    MAX_ENTITIES_PER_BATCH,
    MAX_KEY,
    MAX_METRICS_PER_BATCH,
    MAX_PARAMS_PER_BATCH,
    MAX_RUN_NAME,
    MAX_TAGS_PER_BATCH,
)
from lifecycle.mlflow.messages.runs import NAME_TAG, NOTE_TAG

_MIRROR = {
    NAME_TAG: "UPDATE lifecycle_run SET name = %s WHERE id = %s",
    NOTE_TAG: "UPDATE lifecycle_run SET notes = %s WHERE id = %s",
}


def log_metric(call: Call) -> Answer:
    run_id = call.fields.run_id()
    call.fields.text("key", required=True)
    metric = _metric(call.fields, "")
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        _write_metrics(cursor, run, [metric])
    return NOTHING


def log_parameter(call: Call) -> Answer:
    run_id = call.fields.run_id()
    name = checks.param_key(call.fields.text("key", required=True), "key")
    value = checks.param_value(call.fields.text("value"))
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        ids = keys.intern(cursor, [name])
        changed = points.write_params(cursor, run, {name: value}, ids)
    points.refuse_changed(run_id, changed)
    return NOTHING


def set_tag(call: Call) -> Answer:
    run_id = call.fields.run_id()
    name = checks.tag_key(call.fields.text("key", required=True))
    value = checks.tag_value(call.fields.text("value"))
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        _write_tags(cursor, run, {name: value})
    return NOTHING


def delete_tag(call: Call) -> Answer:
    run_id = call.fields.run_id()
    name = call.fields.text("key", required=True)
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        if name == NOTE_TAG:
            cursor.execute(_MIRROR[NOTE_TAG], (None, run))
            return NOTHING
        cursor.execute(
            "DELETE FROM lifecycle_runtag WHERE run_id = %s AND key_id ="
            " (SELECT id FROM lifecycle_key WHERE name = %s)",
            (run, name),
        )
        if not cursor.rowcount:
            raise Missing(f"No tag with name: {name} in run with id {run_id}")
    return NOTHING


def log_batch(call: Call) -> Answer:
    """Store a batch, all of it or nothing; the same batch again is no error."""
    run_id = checks.run_id(call.fields.text("run_id", required=True))
    metrics = [
        _metric(fields, f"metrics[{position}].")
        for position, fields in enumerate(call.fields.objects("metrics"))
    ]
    params = _pairs(call.fields, "params")
    tags = _pairs(call.fields, "tags")
    _refuse_oversize(len(metrics), len(params), len(tags))
    unique = _unique(params)
    named = dict(tags)
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        names = [*(metric.key for metric in metrics), *unique, *named]
        ids = keys.intern(cursor, names)
        points.refuse_changed(run_id, points.write_params(cursor, run, unique, ids))
        points.write_metrics(cursor, run, metrics, ids)
        write_model_metrics(cursor, run, metrics)
        _mirror(cursor, run, named)
        points.write_tags(cursor, run, named, ids)
    return NOTHING


def _write_metrics(cursor: CursorWrapper, run: int, metrics: Sequence[Metric]) -> None:
    ids = keys.intern(cursor, [metric.key for metric in metrics])
    points.write_metrics(cursor, run, metrics, ids)
    write_model_metrics(cursor, run, metrics)


def _write_tags(cursor: CursorWrapper, run: int, tags: dict[str, str]) -> None:
    _mirror(cursor, run, tags)
    points.write_tags(cursor, run, tags, keys.intern(cursor, tags))


def _mirror(cursor: CursorWrapper, run: int, tags: dict[str, str]) -> None:
    """Carry the tags that are columns of ours to the run; the note is only there."""
    for name, statement in _MIRROR.items():
        if name in tags:
            limit = MAX_RUN_NAME if name == NAME_TAG else None
            cursor.execute(statement, (tags[name][:limit], run))
    tags.pop(NOTE_TAG, None)


def _metric(fields: Fields, path: str) -> Metric:
    """Return the point a message holds. Raises InvalidValue, naming `path`."""
    values = fields.values
    for name in ("key", "value", "timestamp"):
        if values.get(name) in (None, ""):
            raise missing(f"{path}{name}")
    name = values["key"]
    if not isinstance(name, str):
        raise checks.invalid(f"{path}key", name, " It must be text.")
    if checks.key_fault(name) or len(name) > MAX_KEY:
        checks.metric_key(name, f"{path}name")
    value = values["value"]
    timestamp = as_integer(f"{path}timestamp", values["timestamp"])
    if timestamp < 0:
        raise checks.invalid(
            f"{path}timestamp",
            timestamp,
            f"metric '{name}' (value={value}). Timestamp must be a nonnegative long "
            "(64-bit integer) ",
        )
    return Metric(
        key=name,
        value=value if type(value) is float else as_number(f"{path}value", value),
        timestamp_ms=timestamp,
        step=as_integer(f"{path}step", values.get("step") or 0),
        model_id=fields.text("model_id"),
        dataset_name=fields.text("dataset_name"),
        dataset_digest=fields.text("dataset_digest"),
    )


def _pairs(fields: Fields, name: str) -> list[tuple[str, str]]:
    """Return checked (key, value) pairs in the order they came."""
    is_tag = name == "tags"
    pairs = []
    for position, item in enumerate(fields.objects(name)):
        path = f"{name}[{position}].key"
        value = item.text("value")
        given = item.text("key")
        if not given:
            raise missing(path)
        if is_tag:
            pairs.append((checks.tag_key(given, path), checks.tag_value(value)))
        else:
            pairs.append((checks.param_key(given, path), checks.param_value(value)))
    return pairs


def _unique(params: list[tuple[str, str]]) -> dict[str, str]:
    """Return parameters by key. Raises InvalidValue for a key that comes twice."""
    found: dict[str, str] = {}
    twice = []
    for name, value in params:
        if name in found:
            twice.append(name)
        found[name] = value
    if twice:
        raise InvalidValue(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure "
            "the request contains only one param value per param key."
        )
    return found


def _refuse_oversize(metrics: int, params: int, tags: int) -> None:
    for what, number, limit in (
        ("metrics", metrics, MAX_METRICS_PER_BATCH),
        ("params", params, MAX_PARAMS_PER_BATCH),
        ("tags", tags, MAX_TAGS_PER_BATCH),
        ("metrics, params, and tags", metrics + params + tags, MAX_ENTITIES_PER_BATCH),
    ):
        if number > limit:
            raise InvalidValue(
                f"A batch logging request can contain at most {limit} {what}. Got "
                f"{shown(number)} {what}. Please split up {what} across multiple "
                "requests and try again."
            )
