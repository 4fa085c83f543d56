"""The words and moves of experiments, runs and model versions, as data."""

from enum import Enum

from django.db import models
from django.utils.translation import gettext_lazy as _


class ExperimentStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    ARCHIVED = "archived", _("archived")


class RunStatus(models.TextChoices):
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    SCHEDULED = "scheduled", _("scheduled")


class ShownRunStatus(models.TextChoices):
    """The four that the REST contract knows; a scheduled run is shown as running."""

    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class ModelStage(models.TextChoices):
    EXPERIMENTAL = "experimental", _("experimental")
    STAGING = "staging", _("staging")
    PRODUCTION = "production", _("production")
    ARCHIVED = "archived", _("archived")


class ChecklistStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    PASSED = "passed", _("passed")
    FAILED = "failed", _("failed")


class DriftSeverity(models.TextChoices):
    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")
    CRITICAL = "critical", _("critical")


class LoggedModelStatus(models.TextChoices):
    PENDING = "PENDING", _("pending")
    READY = "READY", _("ready")
    FAILED = "FAILED", _("failed")


class PreviewKind(models.TextChoices):
    """What a look into a file shows; `none` says why it shows nothing."""

    IMAGE = "image", _("image")
    TEXT = "text", _("text")
    TABLE = "table", _("table")
    MODEL = "model", _("model")
    NONE = "none", _("nothing")


class TraceStatus(models.TextChoices):
    """How a traced call ended, in the protocol's words, which filters compare."""

    UNSPECIFIED = "STATE_UNSPECIFIED", _("not said")
    IN_PROGRESS = "IN_PROGRESS", _("running")
    OK = "OK", _("successful")
    ERROR = "ERROR", _("failed")


class AssessmentKind(models.TextChoices):
    FEEDBACK = "feedback", _("feedback")
    EXPECTATION = "expectation", _("expectation")


RUN_MOVES: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.SCHEDULED: frozenset(
        {RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED}
    ),
    RunStatus.RUNNING: frozenset(
        {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}
    ),
    RunStatus.COMPLETED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}

LOGGED_MODEL_MOVES: dict[LoggedModelStatus, frozenset[LoggedModelStatus]] = {
    LoggedModelStatus.PENDING: frozenset(
        {LoggedModelStatus.READY, LoggedModelStatus.FAILED}
    ),
    LoggedModelStatus.READY: frozenset(
        {LoggedModelStatus.PENDING, LoggedModelStatus.FAILED}
    ),
    LoggedModelStatus.FAILED: frozenset(
        {LoggedModelStatus.PENDING, LoggedModelStatus.READY}
    ),
}
"""Every way, since the protocol closes none: MLflow's own server writes whatever status
FinalizeLoggedModel names (mlflow/store/tracking/sqlalchemy_store.py), and its clients
log into a model that is ready, and finish it again. A deleted one moves no more.
"""


class Gate(Enum):
    """A condition of a stage move; gates are checked in this order."""

    CHECKLIST = "every item of the checklist is passed"
    APPROVAL = "somebody other than the author approved it"
    SOUND_DATA = "no dataset that it was trained on failed its quality rules"


_FREE: tuple[Gate, ...] = ()
_CHECKED = (Gate.CHECKLIST,)
_APPROVED = (Gate.CHECKLIST, Gate.APPROVAL, Gate.SOUND_DATA)

STAGE_MOVES: dict[tuple[ModelStage, ModelStage], tuple[Gate, ...]] = {
    (ModelStage.EXPERIMENTAL, ModelStage.STAGING): _CHECKED,
    (ModelStage.EXPERIMENTAL, ModelStage.PRODUCTION): _APPROVED,
    (ModelStage.EXPERIMENTAL, ModelStage.ARCHIVED): _FREE,
    (ModelStage.STAGING, ModelStage.EXPERIMENTAL): _FREE,
    (ModelStage.STAGING, ModelStage.PRODUCTION): _APPROVED,
    (ModelStage.STAGING, ModelStage.ARCHIVED): _FREE,
    (ModelStage.PRODUCTION, ModelStage.STAGING): _CHECKED,
    (ModelStage.PRODUCTION, ModelStage.ARCHIVED): _FREE,
    (ModelStage.ARCHIVED, ModelStage.EXPERIMENTAL): _FREE,
    (ModelStage.ARCHIVED, ModelStage.STAGING): _CHECKED,
}
"""The moves between stages, and the gates that each goes through."""

SERVABLE_SUFFIXES = (".onnx",)
"""Files that a deployment can load; anything else must be named by its path."""

IS_PROMPT = "mlflow.prompt.is_prompt"
"""The tag, of the value "true", that makes a registered model or version a prompt."""

RESERVED_VERSIONS = frozenset({"compare", "history"})
