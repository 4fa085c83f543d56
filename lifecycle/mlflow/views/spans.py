"""Spans as they come and go: by OTLP, and as the `traces.json` of older clients."""

from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import Denied, InvalidValue, Missing
from lifecycle.mlflow.fastpath.runs import open_experiment, writable_run
from lifecycle.mlflow.fields import missing
from lifecycle.mlflow.limits import MAX_SPANS_BODY_BYTES
from lifecycle.mlflow.locations import trace_location
from lifecycle.mlflow.messages.traces import spans_of
from lifecycle.mlflow.tracing import files, otlp
from lifecycle.mlflow.tracing.inferred import trace_of
from lifecycle.mlflow.views.artifacts import body_of
from lifecycle.models import Trace
from lifecycle.spans import Span, is_root
from lifecycle.store import spans as store
from lifecycle.store import traces

_CLIENT_2: Final = "mlflow-python-client/2."


def export(call: MlflowCall) -> Answer:
    """Keep the spans of an OTLP export; it says how many were over the limit."""
    request = call.request
    media_type = (request.content_type or "").strip()
    if media_type not in {otlp.PROTOBUF, otlp.JSON}:
        raise InvalidValue(
            f"Invalid Content-Type: {media_type[:100] or None}. Expected: "
            f"{otlp.PROTOBUF} or {otlp.JSON}"
        )
    experiment_id = checks.experiment_id(_header(request, "X-MLflow-Experiment-Id"))
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    body = otlp.unpack(_body(request), encoding)
    by_trace = {
        f"tr-{digits}": found
        for digits, found in otlp.spans_of(body, media_type).items()
    }
    run_id = request.headers.get("X-MLflow-Run-Id", "")
    with transaction.atomic():
        rejected = _keep(by_trace, experiment_id, run_id)
    answer = otlp.answer(rejected, f"{rejected} spans are over the limit. {_limit()}")
    return HttpResponse(answer, content_type=otlp.PROTOBUF)


def put(call: MlflowCall, experiment: str, trace_id: str) -> Answer:
    """Keep the spans of an uploaded `traces.json`; all of them or none."""
    if not call.caller.may("lifecycle.add_trace"):
        raise Denied("This needs the permission lifecycle.add_trace.")
    trace = _trace(experiment, trace_id)
    found = files.read(_body(call.request))
    with transaction.atomic(), connection.cursor() as cursor:
        open_experiment(cursor, trace.experiment_id)
        if dropped := store.add(cursor, trace.pk, found, most_bytes=_most_bytes()):
            raise InvalidValue(f"{dropped} spans are over the limit. {_limit()}")
    return HttpResponse(b"{}", content_type="application/json")


def get(call: MlflowCall, experiment: str, trace_id: str) -> Answer:
    """Return the spans of a trace as the file that the client knows."""
    return _file(call, _trace(experiment, trace_id))


def download(call: MlflowCall) -> Answer:
    """Return the spans of a trace to a page of the protocol's own UI."""
    trace_id = call.fields.text("request_id", required=True)
    trace = Trace.objects.filter(pk=trace_id).first()
    if trace is None:
        raise Missing(f"Trace with ID '{trace_id[:100]}' not found.")
    return _file(call, trace)


def _keep(by_trace: dict[str, list[Span]], experiment_id: int, run_id: str) -> int:
    """Keep spans and make the traces that are not there; return how many are not kept.

    Traces are taken in one order, so that two exports never wait in a circle.
    """
    rejected = 0
    with connection.cursor() as cursor:
        experiment = open_experiment(cursor, experiment_id)
        run = writable_run(cursor, run_id)[0] if run_id else None
        for pk, found in sorted(by_trace.items()):
            place = trace_location(experiment_id, pk, experiment.label)
            traces.infer(cursor, trace_of(pk, experiment_id, found, place=place))
            rejected += store.add(cursor, pk, found, most_bytes=_most_bytes())
        if run is not None:
            ended = [pk for pk, found in by_trace.items() if any(map(is_root, found))]
            traces.link(cursor, sorted(ended), run)
    return rejected


def _file(call: MlflowCall, trace: Trace) -> Answer:
    found = spans_of(trace)
    if not found:
        raise Missing(f"No such artifact: '{files.NAME}'")
    agent = call.request.headers.get("User-Agent", "")
    content = files.written(found, trace.pk, for_2=agent.startswith(_CLIENT_2))
    answer = HttpResponse(content, content_type="text/plain")
    answer["Content-Disposition"] = f"attachment; filename={files.NAME}"
    return answer


def _trace(experiment: str, trace_id: str) -> Trace:
    trace = Trace.objects.filter(pk=trace_id).first()
    if trace is None or str(trace.experiment_id) != experiment:
        raise Missing(f"Trace with ID '{trace_id[:100]}' not found.")
    return trace


def _header(request: HttpRequest, name: str) -> str:
    if not (value := request.headers.get(name, "")):
        raise missing(name)
    return value


def _body(request: HttpRequest) -> bytes:
    """Return the whole body, up to the limit. Raises InvalidValue."""
    parts: list[bytes] = []
    size_bytes = 0
    for chunk in body_of(request):
        parts.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > MAX_SPANS_BODY_BYTES:
            raise otlp.too_large()
    return b"".join(parts)


def _most_bytes() -> int:
    limit: int = settings.TRACE_MAX_BYTES
    return limit


def _limit() -> str:
    return f"A trace is kept up to {_most_bytes()} bytes (MLOPS_TRACE_MAX_BYTES)."
