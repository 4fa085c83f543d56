"""Experiments, runs and what they log; models, their versions and their history."""

from lifecycle.models.artifact import Artifact
from lifecycle.models.curve import MetricCurve
from lifecycle.models.drift import DriftEvent
from lifecycle.models.experiment import Experiment, ExperimentTag
from lifecycle.models.history_import import HistoryImport
from lifecycle.models.inputs import InputDataset, RunInput, RunModelInput
from lifecycle.models.key import Key
from lifecycle.models.logged_model import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    RunOutput,
)
from lifecycle.models.metric import LatestMetric, MetricPoint, NewPoint
from lifecycle.models.param import Param, RunTag
from lifecycle.models.registry import (
    AliasChange,
    ModelAlias,
    RegisteredModel,
    RegisteredModelTag,
)
from lifecycle.models.run import Run
from lifecycle.models.trace import Assessment, Trace, TraceLink, TraceSpans
from lifecycle.models.version import ModelVersion
from lifecycle.models.version_parts import (
    ChecklistItem,
    ModelVersionTag,
    StageChange,
    VersionMetric,
)
from lifecycle.store.checklists import NewCheck
from lifecycle.store.figures import NewFigure

__all__ = [
    "AliasChange",
    "Artifact",
    "Assessment",
    "ChecklistItem",
    "DriftEvent",
    "Experiment",
    "ExperimentTag",
    "HistoryImport",
    "InputDataset",
    "Key",
    "LatestMetric",
    "LoggedModel",
    "LoggedModelMetric",
    "LoggedModelParam",
    "LoggedModelTag",
    "MetricCurve",
    "MetricPoint",
    "ModelAlias",
    "ModelVersion",
    "ModelVersionTag",
    "NewCheck",
    "NewFigure",
    "NewPoint",
    "Param",
    "RegisteredModel",
    "RegisteredModelTag",
    "Run",
    "RunInput",
    "RunModelInput",
    "RunOutput",
    "RunTag",
    "StageChange",
    "Trace",
    "TraceLink",
    "TraceSpans",
    "VersionMetric",
]
