"""What waits for somebody, what failed, what has happened: the newest, and few."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.urls import NoReverseMatch
from django.utils import timezone

from datasets.models import Dataset, IngestJob
from datasets.states import QualityStatus, VersionState
from deployments.models import Deployment, DeploymentEvent
from deployments.states import Status
from lifecycle.models import ChecklistItem, DriftEvent, ModelVersion
from lifecycle.states import ModelStage
from mlops.core.admin.base import address_of
from mlops.core.admin.trail_words import action_title, kind_title
from mlops.core.models import AuditEntry

SHOWN = 8
SHOWN_EVENTS = 12
RECENT = timedelta(days=7)
DRIFT_SPAN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of the trail: what was done, to what, and where that is seen."""

    at: datetime
    actor: str
    action: str
    kind: str
    name: str
    url: str


def approvals_waiting() -> list[ModelVersion]:
    """Return versions with a checklist that nobody has approved, newest first."""
    asked = ChecklistItem.objects.filter(version=OuterRef("pk"))
    models = ModelVersion.objects.without_prompts()
    waiting = models.filter(Exists(asked), approved_at=None)
    open_ones = waiting.exclude(stage=ModelStage.ARCHIVED)
    shown = open_ones.select_related("model", "created_by")
    return list(shown.prefetch_related("checklist")[:SHOWN])


def failed_checks() -> list[Dataset]:
    """Return datasets whose current version broke a rule that must hold."""
    failed = Dataset.objects.filter(
        current_version__quality_status=QualityStatus.FAILED
    )
    return list(
        failed.select_related("current_version").order_by("-updated_at")[:SHOWN]
    )


def failed_readings() -> list[Dataset]:
    """Return datasets whose newest version could not be read."""
    failed = Dataset.objects.filter(newest_version__state=VersionState.FAILED).order_by(
        "-updated_at"
    )
    return list(failed.select_related("newest_version")[:SHOWN])


def failed_deployments() -> list[Deployment]:
    """Return what could not be deployed within the last seven days."""
    since = timezone.now() - RECENT
    failed = Deployment.objects.filter(status=Status.FAILED, created_at__gte=since)
    return list(failed.detailed().order_by("-created_at")[:SHOWN])


def drift() -> list[DriftEvent]:
    """Return drift events of the last 30 days."""
    since = timezone.now() - DRIFT_SPAN
    recent = DriftEvent.objects.filter(detected_at__gte=since)
    return list(recent.select_related("version__model")[:SHOWN])


def readings() -> list[IngestJob]:
    """Return files that are being read now or wait for it, oldest first."""
    under_way = IngestJob.objects.open().select_related("version__dataset")
    return list(under_way.order_by("pk")[:SHOWN])


def deploying() -> list[Deployment]:
    """Return deployments that were asked for and neither serve nor have ended."""
    return list(
        Deployment.objects.in_progress().detailed().order_by("-created_at")[:SHOWN]
    )


def done() -> list[Happening]:
    """Return the newest entries of the audit trail."""
    entries = AuditEntry.objects.select_related("actor")[:SHOWN_EVENTS]
    return [
        Happening(
            entry.at,
            entry.actor.get_username() if entry.actor else "",
            action_title(entry.action),
            *_named(entry),
        )
        for entry in entries
    ]


def moves() -> Sequence[DeploymentEvent]:
    """Return the newest steps of deployments, for who may not read the trail."""
    events: QuerySet[DeploymentEvent] = DeploymentEvent.objects.order_by("-pk")
    return list(
        events.select_related("actor", "deployment__slot__model")[:SHOWN_EVENTS]
    )


def _named(entry: AuditEntry) -> tuple[str, str, str]:
    """Return the kind, the name and the page of what an entry is about."""
    try:
        model: type[Model] = apps.get_model(entry.object_type)
    except (LookupError, ValueError):
        return entry.object_type, entry.object_name, ""
    kind = kind_title(entry.object_type)
    return kind, entry.object_name, _address(model, entry.object_id)


def _address(model: type[Any], pk: str) -> str:
    try:
        return address_of(model(pk=pk))
    except (KeyError, NoReverseMatch):
        return ""
