"""What is done with traces that are there: tagged, linked to runs, deleted."""

from django.db import connection

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.fastpath.runs import writable_run
from lifecycle.mlflow.fields import Fields, missing
from lifecycle.mlflow.limits import (
    MAX_TRACE_NAME,
    MAX_TRACES_OF_BATCH,
    MAX_TRACES_OF_LINK,
)
from lifecycle.mlflow.messages.traces import SPANS_TAG
from lifecycle.mlflow.tracing.inferred import NAME_TAG
from lifecycle.mlflow.views.traces import trace_id
from lifecycle.store import trace_removal, traces


def set_tag(call: MlflowCall) -> Answer:
    pk, key = call.path["trace_id"], _tag_key(call.fields)
    value = checks.tag_value(call.fields.text("value"))
    with connection.cursor() as cursor:
        if key == NAME_TAG:
            traces.rename(cursor, pk, value[:MAX_TRACE_NAME])
        else:
            traces.set_tag(cursor, pk, key, value)
    return NOTHING


def delete_tag(call: MlflowCall) -> Answer:
    pk, key = call.path["trace_id"], _tag_key(call.fields)
    with connection.cursor() as cursor:
        if key != NAME_TAG:
            traces.drop_tag(cursor, pk, key)
        elif traces.lock(cursor, pk).name:
            traces.rename(cursor, pk, "")
        else:
            raise traces.no_tag(pk, key)
    return NOTHING


def link_to_run(call: MlflowCall) -> Answer:
    """Link traces to a run; clients may link them before they have sent them."""
    ids = list(dict.fromkeys(call.fields.texts("trace_ids")))
    if not ids:
        raise missing("trace_ids")
    if len(ids) > MAX_TRACES_OF_LINK:
        raise InvalidValue(
            f"Cannot link more than {MAX_TRACES_OF_LINK} traces to a run in a single "
            f"request. Provided {len(ids)} traces."
        )
    ids = [trace_id(one) for one in ids]
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, call.fields.run_id())
        traces.link(cursor, ids, run)
    return NOTHING


def delete(call: MlflowCall) -> Answer:
    """Delete traces by id, or the oldest ones up to a time; answer how many."""
    fields = call.fields
    experiment = checks.experiment_id(fields.text("experiment_id", required=True))
    ids = list(dict.fromkeys(fields.texts("request_ids")))
    until_ms, most = (
        fields.integer("max_timestamp_millis"),
        fields.integer("max_traces"),
    )
    _refuse_vague(ids, until_ms, most)
    by = call.caller.user_id
    with connection.cursor() as cursor:
        if ids:
            deleted = trace_removal.delete(cursor, experiment, ids, by=by)
        else:
            deleted = trace_removal.delete_oldest(
                cursor, experiment, until_ms or 0, most, by=by
            )
    return {"traces_deleted": deleted} if deleted else NOTHING


def _refuse_vague(ids: list[str], until_ms: int | None, most: int | None) -> None:
    if not ids and until_ms is None:
        raise InvalidValue(
            "Either `max_timestamp_millis` or `request_ids` must be specified."
        )
    if ids and (until_ms is not None or most is not None):
        raise InvalidValue(
            "`max_timestamp_millis` and `max_traces` go without `request_ids`."
        )
    if most is not None and most <= 0:
        raise InvalidValue(f"`max_traces` must be a positive integer, received {most}.")
    if len(ids) > MAX_TRACES_OF_BATCH:
        raise InvalidValue(
            f"A request names at most {MAX_TRACES_OF_BATCH} traces, got {len(ids)}."
        )


def _tag_key(fields: Fields) -> str:
    """Return the key of a tag that people may change. Raises InvalidValue."""
    key = checks.tag_key(fields.text("key", required=True))
    if key == SPANS_TAG:
        raise InvalidValue(f"Tag '{key}' is immutable on a trace.")
    return key
