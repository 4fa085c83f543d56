"""Experiments, runs and what they log; models, their versions and their history."""

from lifecycle.models.artifact import Artifact
from lifecycle.models.drift import DriftEvent
from lifecycle.models.experiment import Experiment, ExperimentTag
from lifecycle.models.logged_model import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    RunOutput,
)
from lifecycle.models.registry import (
    AliasChange,
    ModelAlias,
    RegisteredModel,
    RegisteredModelTag,
)
from lifecycle.models.run import (
    InputDataset,
    Key,
    LatestMetric,
    MetricPoint,
    Param,
    Run,
    RunInput,
    RunTag,
)
from lifecycle.models.version import (
    ChecklistItem,
    ModelVersion,
    ModelVersionTag,
    StageChange,
    VersionMetric,
)

__all__ = [
    "AliasChange",
    "Artifact",
    "ChecklistItem",
    "DriftEvent",
    "Experiment",
    "ExperimentTag",
    "InputDataset",
    "Key",
    "LatestMetric",
    "LoggedModel",
    "LoggedModelMetric",
    "LoggedModelParam",
    "LoggedModelTag",
    "MetricPoint",
    "ModelAlias",
    "ModelVersion",
    "ModelVersionTag",
    "Param",
    "RegisteredModel",
    "RegisteredModelTag",
    "Run",
    "RunInput",
    "RunOutput",
    "RunTag",
    "StageChange",
    "VersionMetric",
]
