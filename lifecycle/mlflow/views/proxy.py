"""The files below the artifacts' root: those of runs and models, and spans of traces.

A trace has one, `{experiment}/traces/{trace}/artifacts/traces.json`. It is no file
here: what older clients send and fetch by it are the spans themselves.
"""

from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.tracing.files import NAME
from lifecycle.mlflow.views import artifacts, spans


def get(call: MlflowCall) -> Answer:
    place = _trace_of(call.path["path"])
    return spans.get(call, *place) if place else artifacts.get(call)


def put(call: MlflowCall) -> Answer:
    place = _trace_of(call.path["path"])
    return spans.put(call, *place) if place else artifacts.put(call)


def _trace_of(path: str) -> tuple[str, str] | None:
    """Return the experiment and the trace whose spans a path means."""
    match path.strip("/").split("/"):
        case [experiment, "traces", trace, "artifacts", name] if name == NAME:
            return experiment, trace
    return None
