"""Traces as clients of 3.x report, read and search them."""

from collections.abc import Callable
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fastpath.runs import open_experiment
from lifecycle.mlflow.fields import Fields, missing
from lifecycle.mlflow.limits import (
    MAX_SPANS_OF_ANSWER,
    MAX_TRACE_ID,
    MAX_TRACE_NAME,
    MAX_TRACE_PREVIEW,
    MAX_TRACES_OF_BATCH,
    MAX_USER_LABEL,
    TRACES_DEFAULT,
    TRACES_MAX,
)
from lifecycle.mlflow.locations import trace_location
from lifecycle.mlflow.messages.traces import (
    RUN_KEY,
    SPANS_TAG,
    Message,
    trace_answer,
    trace_info,
    traces_answer,
    with_assessments,
)
from lifecycle.mlflow.search.traces import TraceSearch, search_traces
from lifecycle.mlflow.tracing.inferred import LOCATION_TAG, NAME_TAG
from lifecycle.mlflow.tracing.maps import part, texts
from lifecycle.mlflow.tracing.times import duration_ms, moment_ms
from lifecycle.mlflow.views import assessments
from lifecycle.models import Trace
from lifecycle.states import TraceStatus
from lifecycle.store import assessments as store
from lifecycle.store import traces
from lifecycle.store.traces import NewTrace
from lifecycle.times import now_ms

_MAX_REQUEST_ID: Final = 500


def start(call: MlflowCall) -> Answer:
    """Store what a client says of a trace; its spans come by themselves."""
    told = part(part(call.fields, "trace"), "trace_info")
    pk = trace_id(told.text("trace_id", required=True))
    experiment_id = checks.experiment_id(_experiment_of(told))
    with connection.cursor() as cursor:
        experiment = open_experiment(cursor, experiment_id)
        tags = texts(told, "tags")
        tags[LOCATION_TAG] = trace_location(experiment_id, pk, experiment.label)
        traces.report(cursor, _reported(told, pk, experiment_id, tags))
        for one in told.objects("assessments"):
            store.create(cursor, assessments.read(one, pk))
    return {"trace": {"trace_info": trace_info(find(pk))}}


def show(call: MlflowCall) -> Answer:
    """Return a trace without its spans."""
    return {"trace": {"trace_info": trace_info(find(call.path["trace_id"]))}}


def get(call: MlflowCall) -> Answer:
    """Return a trace with its spans, once all have come or `allow_partial` is set."""
    pk = call.fields.text("trace_id", required=True)
    found = trace_answer(find(pk), is_partial=call.fields.flag("allow_partial"))
    if not found:
        raise Missing(
            f"Trace with ID {pk} is not fully exported yet, please try again later."
        )
    return found


def get_batch(call: MlflowCall) -> Answer:
    """Return those of the traces that are complete, with their spans, as asked."""
    asked = _batch(call.fields)
    size_bytes = sum(trace.span_bytes for trace in asked)
    if size_bytes > MAX_SPANS_OF_ANSWER:
        raise InvalidValue(
            f"The spans of these traces have {size_bytes} bytes, and one answer has at "
            f"most {MAX_SPANS_OF_ANSWER}. Ask for fewer at once."
        )
    return traces_answer(asked)


def get_infos(call: MlflowCall) -> Answer:
    found = [trace_info(trace) for trace in _batch(call.fields)]
    return {"trace_infos": found} if found else {}


def search(call: MlflowCall) -> Answer:
    return page(call.fields, _searched(call.fields), trace_info)


def page(
    fields: Fields, experiments: list[int], message: Callable[[Trace], Message]
) -> Answer:
    """Return a page of what a request searches, each trace as its message."""
    wanted = TraceSearch(
        experiments,
        fields.text("filter"),
        fields.texts("order_by"),
        fields.limit("max_results", TRACES_DEFAULT, TRACES_MAX),
        fields.text("page_token"),
    )
    found, token = search_traces(with_assessments(Trace.objects.all()), wanted)
    answer: Message = {}
    if found:
        answer["traces"] = [message(trace) for trace in found]
    if token:
        answer["next_page_token"] = token
    return answer


def find(pk: str) -> Trace:
    """Return a trace. Raises Missing."""
    found = with_assessments(Trace.objects.filter(pk=pk)).first()
    if found is None:
        raise Missing(f"Trace with ID '{pk[:MAX_TRACE_ID]}' not found.")
    return found


def trace_id(text: str) -> str:
    """Return a usable id of a trace. Raises InvalidValue."""
    if len(text) > MAX_TRACE_ID or not checks.RUN_ID.fullmatch(text):
        raise checks.invalid("trace_id", text, "")
    return text


def _reported(told: Fields, pk: str, experiment: int, tags: dict[str, str]) -> NewTrace:
    metadata = texts(told, "trace_metadata")
    tags.pop(SPANS_TAG, None)
    duration = told.text("execution_duration")
    began = told.text("request_time")
    return NewTrace(
        pk=pk,
        experiment=experiment,
        status=status_of(told.values.get("state")),
        requested_ms=moment_ms(began, "request_time") if began else now_ms(),
        duration_ms=duration_ms(duration, "execution_duration") if duration else None,
        name=tags.pop(NAME_TAG, "")[:MAX_TRACE_NAME],
        client_request_id=checks.short(
            told.text("client_request_id"), "client_request_id", _MAX_REQUEST_ID
        ),
        run_label=metadata.get(RUN_KEY, "")[:MAX_USER_LABEL],
        request_preview=told.text("request_preview")[:MAX_TRACE_PREVIEW],
        response_preview=told.text("response_preview")[:MAX_TRACE_PREVIEW],
        tags=tags,
        metadata=metadata,
    )


def status_of(value: Any) -> TraceStatus:
    """Return how a trace ended, by name or number. Raises InvalidValue."""
    order = (TraceStatus.UNSPECIFIED, TraceStatus.OK, TraceStatus.ERROR)
    by_number = dict(enumerate((*order, TraceStatus.IN_PROGRESS)))
    known = {str(one): one for one in TraceStatus} | {
        "TRACE_STATUS_UNSPECIFIED": TraceStatus.UNSPECIFIED
    }
    if value is None or value == "":
        return TraceStatus.UNSPECIFIED
    found = known.get(value) if isinstance(value, str) else by_number.get(value)
    if found is None:
        raise checks.invalid("state", value, "It must be a trace state.")
    return found


def _experiment_of(holder: Fields) -> str:
    """Return the experiment that a location names. Raises InvalidValue for others."""
    place = part(holder, "trace_location")
    return part(place, "mlflow_experiment").text("experiment_id", required=True)


def _searched(fields: Fields) -> list[int]:
    fields.array("locations", required=True)
    places = fields.objects("locations")
    if not all(place.values.get("mlflow_experiment") for place in places):
        raise InvalidValue(
            "Invalid value for parameter 'locations' supplied: Traces are kept in "
            "experiments here, so each location must be an `mlflow_experiment`."
        )
    named = [part(place, "mlflow_experiment") for place in places]
    return [
        checks.experiment_id(one.text("experiment_id", required=True)) for one in named
    ]


def _batch(fields: Fields) -> list[Trace]:
    """Return the traces that are here of those asked for, in the order asked."""
    ids = list(dict.fromkeys(fields.texts("trace_ids")))
    if not ids:
        raise missing("trace_ids")
    if len(ids) > MAX_TRACES_OF_BATCH:
        raise InvalidValue(
            f"A request names at most {MAX_TRACES_OF_BATCH} traces, got {len(ids)}."
        )
    rows: QuerySet[Trace] = with_assessments(Trace.objects.filter(pk__in=ids))
    experiments = [checks.experiment_id(one) for one in fields.texts("experiment_ids")]
    if experiments:
        rows = rows.filter(experiment_id__in=experiments)
    found = {trace.pk: trace for trace in rows}
    return [found[pk] for pk in ids if pk in found]
