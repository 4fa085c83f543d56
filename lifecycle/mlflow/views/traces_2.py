"""Traces as clients of 2.x report them: begun, ended, shown, searched.

They choose no ids; their times are milliseconds, their tags and metadata lists.
"""

import uuid
from typing import Final

from django.db import connection

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.fastpath.runs import open_experiment
from lifecycle.mlflow.fields import missing
from lifecycle.mlflow.limits import MAX_TRACE_NAME, MAX_TRACE_PREVIEW, MAX_USER_LABEL
from lifecycle.mlflow.locations import trace_location
from lifecycle.mlflow.messages.traces import RUN_KEY, SPANS_TAG, trace_info_2
from lifecycle.mlflow.tracing.inferred import LOCATION_TAG, NAME_TAG
from lifecycle.mlflow.tracing.maps import pairs
from lifecycle.mlflow.views.traces import find, page, status_of
from lifecycle.states import TraceStatus
from lifecycle.store import traces
from lifecycle.store.traces import NewTrace, TraceEnd
from lifecycle.times import now_ms

_INPUTS: Final = "mlflow.traceInputs"
_OUTPUTS: Final = "mlflow.traceOutputs"


def start(call: MlflowCall) -> Answer:
    """Begin a trace; the server makes its id."""
    fields, pk = call.fields, uuid.uuid4().hex
    experiment_id = checks.experiment_id(fields.text("experiment_id", default="0"))
    began_ms = fields.integer("timestamp_ms")
    tags, metadata = pairs(fields, "tags"), pairs(fields, "request_metadata")
    tags.pop(SPANS_TAG, None)
    with connection.cursor() as cursor:
        experiment = open_experiment(cursor, experiment_id)
        tags[LOCATION_TAG] = trace_location(experiment_id, pk, experiment.label)
        begun = NewTrace(
            pk=pk,
            experiment=experiment_id,
            status=TraceStatus.IN_PROGRESS,
            requested_ms=now_ms() if began_ms is None else began_ms,
            name=tags.pop(NAME_TAG, "")[:MAX_TRACE_NAME],
            run_label=metadata.get(RUN_KEY, "")[:MAX_USER_LABEL],
            request_preview=metadata.get(_INPUTS, "")[:MAX_TRACE_PREVIEW],
            tags=tags,
            metadata=metadata,
        )
        traces.report(cursor, begun)
    return _shown(pk)


def end(call: MlflowCall) -> Answer:
    """Say how a trace ended, and more of it."""
    fields, pk = call.fields, call.path["trace_id"]
    tags, metadata = pairs(fields, "tags"), pairs(fields, "request_metadata")
    tags.pop(SPANS_TAG, None)
    ended_ms = fields.integer("timestamp_ms")
    ended = TraceEnd(
        status=status_of(fields.values.get("status")),
        at_ms=now_ms() if ended_ms is None else ended_ms,
        name=tags.pop(NAME_TAG, "")[:MAX_TRACE_NAME],
        request_preview=metadata.get(_INPUTS, "")[:MAX_TRACE_PREVIEW],
        response_preview=metadata.get(_OUTPUTS, "")[:MAX_TRACE_PREVIEW],
        tags=tags,
        metadata=metadata,
    )
    with connection.cursor() as cursor:
        traces.end(cursor, pk, ended)
    return _shown(pk)


def show(call: MlflowCall) -> Answer:
    return _shown(call.path["trace_id"])


def search(call: MlflowCall) -> Answer:
    ids = call.fields.array("experiment_ids")
    if not ids:
        raise missing("experiment_ids")
    return page(call.fields, [checks.experiment_id(one) for one in ids], trace_info_2)


def _shown(pk: str) -> Answer:
    return {"trace_info": trace_info_2(find(pk))}
