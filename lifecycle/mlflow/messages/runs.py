"""Runs as the protocol shows them."""

from dataclasses import dataclass
from typing import Any, Final

from lifecycle.mlflow.fastpath.children import Children
from lifecycle.mlflow.locations import run_location
from lifecycle.states import RunStatus

NOTE_TAG: Final = "mlflow.note.content"
NAME_TAG: Final = "mlflow.runName"
STATUS_OF_WIRE: Final = {
    "RUNNING": RunStatus.RUNNING,
    "SCHEDULED": RunStatus.SCHEDULED,
    "FINISHED": RunStatus.COMPLETED,
    "FAILED": RunStatus.FAILED,
    "KILLED": RunStatus.CANCELLED,
}
WIRE_OF_STATUS: Final = {str(ours): wire for wire, ours in STATUS_OF_WIRE.items()}
STATUS_BY_NUMBER: Final = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
Message = dict[str, Any]

COLUMNS: Final = """
    r.id, r.uid, r.name, r.experiment_id, r.user_label, r.status, r.started_ms,
    r.ended_ms, r.deleted_ms IS NOT NULL OR e.deleted_at IS NOT NULL, r.notes,
    e.artifact_label, u.username
"""
TABLES: Final = """
    lifecycle_run r JOIN lifecycle_experiment e ON e.id = r.experiment_id
    LEFT JOIN core_user u ON u.id = r.created_by_id
"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """The columns of `COLUMNS`, in their order."""

    pk: int
    uid: str
    name: str
    experiment_id: int
    user_label: str
    status: str
    started_ms: int
    ended_ms: int | None
    is_deleted: bool
    notes: str | None
    artifact_label: str
    username: str | None


def run_info(row: RunRow) -> Message:
    """Return the RunInfo message; what is not known is left out."""
    message: Message = {
        "run_uuid": row.uid,
        "experiment_id": str(row.experiment_id),
        "run_name": row.name,
        "user_id": row.user_label or row.username or "",
        "status": WIRE_OF_STATUS[row.status],
        "start_time": row.started_ms,
        "artifact_uri": run_location(row.experiment_id, row.uid, row.artifact_label),
        "lifecycle_stage": "deleted" if row.is_deleted else "active",
        "run_id": row.uid,
    }
    if row.ended_ms is not None:
        message["end_time"] = row.ended_ms
    return message


def run_message(row: RunRow, children: Children) -> Message:
    """Return the Run message. Our notes are the tag `mlflow.note.content`."""
    tags = children.tags
    if row.notes is not None:
        tags = [*tags, {"key": NOTE_TAG, "value": row.notes}]
    data: Message = {}
    if children.metrics:
        data["metrics"] = children.metrics
    if children.params:
        data["params"] = children.params
    if tags:
        data["tags"] = tags
    message: Message = {"info": run_info(row), "data": data, "inputs": {}}
    if children.datasets:
        message["inputs"]["dataset_inputs"] = children.datasets
    if children.models_in:
        message["inputs"]["model_inputs"] = children.models_in
    if children.models_out:
        message["outputs"] = {"model_outputs": children.models_out}
    return message
