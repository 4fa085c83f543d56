"""The words and moves of experiments, runs and model versions, as data."""

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

STAGE_MOVES: dict[ModelStage, frozenset[ModelStage]] = {
    ModelStage.EXPERIMENTAL: frozenset(
        {ModelStage.STAGING, ModelStage.PRODUCTION, ModelStage.ARCHIVED}
    ),
    ModelStage.STAGING: frozenset(
        {ModelStage.EXPERIMENTAL, ModelStage.PRODUCTION, ModelStage.ARCHIVED}
    ),
    ModelStage.PRODUCTION: frozenset({ModelStage.STAGING, ModelStage.ARCHIVED}),
    ModelStage.ARCHIVED: frozenset({ModelStage.EXPERIMENTAL, ModelStage.STAGING}),
}
"""A stage above experimental needs the checklist passed; production, an approval."""

SERVABLE_SUFFIXES = (".onnx",)
"""Files that a deployment can load; anything else must be named by its path."""

RESERVED_VERSIONS = frozenset({"compare", "history"})
