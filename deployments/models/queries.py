"""Querysets of deployments."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When

from deployments.errors import DeploymentInProgress, NoSuchDeployment
from deployments.plan import FULL, DeploymentPlan
from deployments.states import (
    FINAL,
    IN_PROGRESS,
    OPEN,
    STARTED,
    Environment,
    Health,
    Status,
)
from lifecycle.models import ModelVersion
from mlops.core.ids import as_uuid
from mlops.core.queues import Waiting

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment


BY_IMPORTANCE = (
    Environment.PRODUCTION,
    Environment.STAGING,
    Environment.DEVELOPMENT,
)


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def in_progress(self) -> Self:
        """Those requested that neither serve nor have ended."""
        return self.filter(status__in=IN_PROGRESS)

    def undoing(self, deployment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
        """Return revisions of rollbacks on their way, by what they undo."""
        rows = self.in_progress().filter(
            rollback_from__in=list(deployment_ids), ends_as=""
        )
        found = rows.order_by("revision").values_list("rollback_from", "revision")
        return {undone: revision for undone, revision in found if undone}

    def started(self) -> Self:
        """Those that a target is working on: validating or deploying."""
        return self.filter(status__in=STARTED)

    def open(self) -> Self:
        """Those that have not ended."""
        return self.filter(status__in=OPEN)

    def serving(self, environment: str | None = None) -> Self:
        """Those that answer requests, of one environment or of all."""
        serving = self.filter(status=Status.ACTIVE)
        if environment is None:
            return serving
        return serving.filter(slot__environment=Environment(environment))

    def served(self) -> Self:
        """Those that answer requests or did once."""
        return self.filter(deployed_at__isnull=False)

    def rolling_out(self) -> Self:
        """Canaries and shadows under way."""
        return self.filter(status=Status.DEPLOYING, rollout_at__isnull=False)

    def with_traffic(self) -> Self:
        """Those that a route names: active, or a canary or shadow under way."""
        under_way = Q(status=Status.DEPLOYING, rollout_at__isnull=False)
        return self.filter(Q(status=Status.ACTIVE) | under_way)

    def ending(self) -> Self:
        """Those requested to end that have not ended yet."""
        return self.filter(ends_as__in=sorted(FINAL))

    def waiting(self) -> Waiting:
        """Return the pending ones, and since when the oldest has been."""
        return Waiting.of(self.filter(status=Status.PENDING), "created_at")

    def startable(self) -> Self:
        """The pending ones whose slot is not busy with another, oldest first."""
        busy = self.model.objects.filter(slot=OuterRef("slot"), status__in=STARTED)
        waiting = self.filter(status=Status.PENDING)
        return waiting.filter(~Exists(busy)).order_by("created_at", "pk")

    def with_health(self, health: str, *, is_watched: bool) -> Self:
        """Those whose health may be shown as this now (`Watch.health_of`)."""
        stored = Q(health=health)
        if is_watched:
            return self.filter(stored)
        aged = Q(health=Health.HEALTHY) & ~Q(status__in=FINAL)
        return self.filter(
            stored | aged if health == Health.DEGRADED else stored & ~aged
        )

    def require_no_twin(self, version: ModelVersion, plan: DeploymentPlan) -> None:
        """Raise DeploymentInProgress if the same deployment is in progress."""
        others = self.in_progress().filter(ends_as="", model_version=version)
        for other in others:
            if other.plan == plan and other.rollback_from_id is None:
                raise DeploymentInProgress.of(other.pk)

    def share_traffic(self) -> None:
        """Write who of one slot gets which share of its requests now."""
        canary = self.rolling_out().order_by().first()
        share = canary.rollout.canary_percent if canary else 0
        has_active = self.serving().update(traffic_percent=FULL - share)
        ended = self.exclude(status=Status.ACTIVE).exclude(traffic_percent=0)
        ended.update(traffic_percent=0)
        if canary is not None and share:
            alone = share if has_active else FULL
            self.filter(pk=canary.pk).update(traffic_percent=alone)

    def note_judged(self, ids: Iterable[uuid.UUID], at: datetime) -> int:
        """Write when rows were last looked at; return how many that were."""
        return self.filter(pk__in=list(ids)).update(judged_at=at)

    def after(self, created_at: datetime, pk: uuid.UUID) -> Self:
        """Those after a position in the order of creation."""
        same_time = Q(created_at=created_at, pk__gt=pk)
        return self.filter(Q(created_at__gt=created_at) | same_time)

    def detailed(self) -> Self:
        """With everything that an answer shows, in this one query."""
        return self.select_related(
            "slot__model", "model_version__run__experiment", "created_by"
        )

    def find(self, text: str) -> "Deployment":
        """Return the deployment that a client means.

        That is the one of this id, else one of the model version whose run has this
        id, else one of `name:version`: the one that serves, in production before
        staging before development, or the newest if none does. Raises
        NoSuchDeployment.
        """
        found = self.with_id(text) or self._meant(text)
        if found is None:
            raise NoSuchDeployment(f"There is no deployment {text[:100]!r}.")
        return found

    def with_id(self, text: str) -> "Deployment | None":
        """Return the one of this id, None if there is none or it is no id."""
        pk = as_uuid(text)
        return self.filter(pk=pk).first() if pk else None

    def _meant(self, text: str) -> "Deployment | None":
        serving = [
            When(status=Status.ACTIVE, slot__environment=environment, then=place)
            for place, environment in enumerate(BY_IMPORTANCE)
        ]
        rank = Case(*serving, default=len(BY_IMPORTANCE))
        best = self.order_by(rank, "-created_at", "-revision")
        found = best.filter(model_version__run__uid=text).first()
        name, colon, version = text.rpartition(":")
        if found is None and colon:
            found = best.filter(
                slot__model__name=name, model_version__version=version
            ).first()
        return found
