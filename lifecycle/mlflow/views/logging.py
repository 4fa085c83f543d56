"""Logging to a run: metrics, parameters, tags, one at a time or in a batch."""

from django.db import connection
from django.db.backends.utils import CursorWrapper

from lifecycle.errors import ParamConflict
from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fastpath.runs import writable_run
from lifecycle.mlflow.fields import Fields, as_integer, as_number, missing, shown
from lifecycle.mlflow.limits import (
    MAX_ENTITIES_PER_BATCH,
    MAX_KEY,
    MAX_METRICS_PER_BATCH,
    MAX_PARAMS_PER_BATCH,
    MAX_RUN_NAME,
    MAX_TAGS_PER_BATCH,
)
from lifecycle.mlflow.messages.runs import NAME_TAG, NOTE_TAG
from lifecycle.store import logged, logged_metrics, runs, tags
from lifecycle.store.logged_metrics import ModelPoint
from lifecycle.store.points import NewPoint


def log_metric(call: MlflowCall) -> Answer:
    run_id = call.fields.run_id()
    call.fields.text("key", required=True)
    metric = _metric(call.fields, "")
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        logged.write(cursor, run, metrics=[metric])
        logged_metrics.write(cursor, run, [metric])
    return NOTHING


def log_parameter(call: MlflowCall) -> Answer:
    run_id = call.fields.run_id()
    name = checks.param_key(call.fields.text("key", required=True), "key")
    value = checks.param_value(call.fields.text("value"))
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        try:
            logged.write(cursor, run, parameters={name: value})
        except ParamConflict as conflict:
            raise _changed(run_id, conflict) from None
    return NOTHING


def set_tag(call: MlflowCall) -> Answer:
    run_id = call.fields.run_id()
    name = checks.tag_key(call.fields.text("key", required=True))
    value = checks.tag_value(call.fields.text("value"))
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        labels = {name: value}
        _mirror(cursor, run, labels, by=call.caller.user_id)
        logged.write(cursor, run, labels=labels)
    return NOTHING


def delete_tag(call: MlflowCall) -> Answer:
    run_id = call.fields.run_id()
    name = call.fields.text("key", required=True)
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        if name == NOTE_TAG:
            runs.describe(cursor, run, None, by=call.caller.user_id)
        elif not tags.delete_of_run(cursor, run, name):
            raise Missing(f"No tag with name: {name} in run with id {run_id}")
    return NOTHING


def log_batch(call: MlflowCall) -> Answer:
    """Store a batch, all of it or nothing; the same batch again is no error."""
    run_id = checks.run_id(call.fields.text("run_id", required=True))
    metrics = [
        _metric(fields, f"metrics[{position}].")
        for position, fields in enumerate(call.fields.objects("metrics"))
    ]
    params = _pairs(call.fields, "params")
    pairs = _pairs(call.fields, "tags")
    _refuse_oversize(len(metrics), len(params), len(pairs))
    parameters, labels = _unique(params), dict(pairs)
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        _mirror(cursor, run, labels, by=call.caller.user_id)
        try:
            logged.write(
                cursor, run, metrics=metrics, parameters=parameters, labels=labels
            )
        except ParamConflict as conflict:
            raise _changed(run_id, conflict) from None
        logged_metrics.write(cursor, run, metrics)
    return NOTHING


def _mirror(
    cursor: CursorWrapper, run: int, labels: dict[str, str], *, by: int | None
) -> None:
    """Carry the tags that are columns of ours to the run; the note is only there."""
    if NAME_TAG in labels:
        runs.rename(cursor, run, labels[NAME_TAG][:MAX_RUN_NAME], by=by)
    if NOTE_TAG in labels:
        runs.describe(cursor, run, labels.pop(NOTE_TAG), by=by)


def _changed(run_id: str, conflict: ParamConflict) -> InvalidValue:
    """Return the refusal of parameters that would change; the client knows its text."""
    if len(conflict.changed) == 1:
        key, old, new = conflict.changed[0]
        return InvalidValue(
            f"Changing param values is not allowed. Param with key='{key}' was already"
            f" logged with value='{old}' for run ID='{run_id}'. Attempted logging new"
            f" value '{new}'."
        )
    changed = [
        {"key": key, "old_value": old, "new_value": new}
        for key, old, new in conflict.changed
    ]
    return InvalidValue(
        "Changing param values is not allowed. Params were already logged='"
        f"{changed}' for run ID='{run_id}'."
    )


def _metric(fields: Fields, path: str) -> NewPoint:
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
    if type(value) is not float:
        value = as_number(f"{path}value", value)
    step = as_integer(f"{path}step", values.get("step") or 0)
    on = fields.text("dataset_name"), fields.text("dataset_digest")
    if model := fields.text("model_id"):
        return ModelPoint(name, value, step, timestamp, "", model, *on)
    return NewPoint(name, value, step, timestamp)


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
    """Return parameters by key, sorted: the run is not held (`store.params.write`).

    Raises InvalidValue for a key that comes twice.
    """
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
    return dict(sorted(found.items()))


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
