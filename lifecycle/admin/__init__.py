"""The staff's pages of lifecycle. They call the verbs that the API calls."""

from lifecycle.admin.experiment import ExperimentAdmin
from lifecycle.admin.history_import import HistoryImportAdmin
from lifecycle.admin.records import register_records
from lifecycle.admin.registry import RegisteredModelAdmin
from lifecycle.admin.run import RunAdmin
from lifecycle.admin.stored import ArtifactAdmin, DriftEventAdmin, LoggedModelAdmin
from lifecycle.admin.trace import TraceAdmin
from lifecycle.admin.version import ModelVersionAdmin

register_records()

__all__ = [
    "ArtifactAdmin",
    "DriftEventAdmin",
    "ExperimentAdmin",
    "HistoryImportAdmin",
    "LoggedModelAdmin",
    "ModelVersionAdmin",
    "RegisteredModelAdmin",
    "RunAdmin",
    "TraceAdmin",
]
