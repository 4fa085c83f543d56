"""Logged models as the protocol shows them."""

from typing import Any, Final

from django.db.models import QuerySet

from lifecycle.mlflow.fastpath.children import metric_value
from lifecycle.mlflow.locations import model_location
from lifecycle.models import LoggedModel
from lifecycle.states import LoggedModelStatus

Message = dict[str, Any]
WIRE_OF_STATUS: Final = {
    str(LoggedModelStatus.PENDING): "LOGGED_MODEL_PENDING",
    str(LoggedModelStatus.READY): "LOGGED_MODEL_READY",
    str(LoggedModelStatus.FAILED): "LOGGED_MODEL_UPLOAD_FAILED",
}
STATUS_OF_WIRE: Final = {
    **{wire: LoggedModelStatus(ours) for ours, wire in WIRE_OF_STATUS.items()},
    "1": LoggedModelStatus.PENDING,
    "2": LoggedModelStatus.READY,
    "3": LoggedModelStatus.FAILED,
}


def with_parts(models: QuerySet[LoggedModel]) -> QuerySet[LoggedModel]:
    """Return the models with all that their messages need, in four queries."""
    return models.select_related("experiment", "source_run").prefetch_related(
        "tags", "params", "metrics__run"
    )


def logged_model_message(model: LoggedModel) -> Message:
    label = model.experiment.artifact_label
    info: Message = {
        "model_id": model.pk,
        "experiment_id": str(model.experiment_id),
        "name": model.name,
        "creation_timestamp_ms": model.created_ms,
        "last_updated_timestamp_ms": model.updated_ms,
        "artifact_uri": model_location(model.experiment_id, model.pk, label),
        "status": WIRE_OF_STATUS[model.status],
        "tags": [{"key": tag.key, "value": tag.value} for tag in model.tags.all()],
    }
    run_id = model.source_run.uid if model.source_run else model.source_run_label
    for name, value in (
        ("model_type", model.model_type),
        ("source_run_id", run_id),
        ("status_message", model.status_message),
    ):
        if value:
            info[name] = value
    data: Message = {}
    if params := [{"key": row.key, "value": row.value} for row in model.params.all()]:
        data["params"] = params
    if metrics := _metrics(model):
        data["metrics"] = metrics
    return {"info": info, "data": data}


def _metrics(model: LoggedModel) -> list[Message]:
    return [
        {
            "key": metric.key,
            "value": metric_value(metric.value, metric.is_nan),
            "timestamp": metric.timestamp_ms,
            "step": metric.step,
            "model_id": model.pk,
            "run_id": metric.run.uid,
            **({"dataset_name": metric.dataset_name} if metric.dataset_name else {}),
            **(
                {"dataset_digest": metric.dataset_digest}
                if metric.dataset_digest
                else {}
            ),
        }
        for metric in model.metrics.all()
    ]
