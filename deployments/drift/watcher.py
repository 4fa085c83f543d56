"""Looks for drift on a schedule, and sends alerts.

A thread beside the reconciler: a comparison takes seconds, which a deployment must
not wait for. What is due is read from the rows, so it may be killed anywhere; a
lease keeps a second worker's watcher quiet.
"""

import threading
import time
import uuid
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from datasets import drift_reports
from datasets.models import IngestJob
from deployments import samples
from deployments.alerts import deliver_due
from deployments.drift.checks import SampledPeriod, check_dataset, check_requests
from deployments.errors import NothingSampled
from deployments.models import (
    AlertDelivery,
    AlertHook,
    Deployment,
    DriftCheck,
    DriftRule,
    Lease,
)
from deployments.models.queries import DeploymentQuerySet
from deployments.states import DriftSubject
from lifecycle.models import RunInput
from mlops.core.errors import DomainError
from mlops.worker.thread import WorkerThread

LEASE = "drift"
LOOK_S = 30.0
"""How often live requests and training data are asked about. A comparison of new data
is no more than a new version, or a new deployment, away."""
SLACK = timedelta(seconds=10)
"""What began so long before the last look may have been committed after it."""


class Watcher(WorkerThread):
    """Makes the comparisons that are due and sends alerts."""

    pause_s = 15.0
    least_pause_s = 3.0
    failure_message = "Drift was not looked for"

    def __init__(self, stopping: threading.Event) -> None:
        super().__init__(stopping)
        self._holder = uuid.uuid4().hex
        self._look_at = 0.0
        self._looked_at: datetime | None = None

    def round(self) -> None:
        """Look through the rules now and then; at once when something came up."""
        now = timezone.now()
        if time.monotonic() < self._look_at and not _has_news(now, self._looked_at):
            return
        self._look_at, self._looked_at = time.monotonic() + LOOK_S, now
        if lease := Lease.take(LEASE, self._holder):
            watch_once()
            deliver_due()
            lease.release()


def _has_news(now: datetime, looked_at: datetime | None) -> bool:
    """Whether a version or a deployment waits to be compared, a message to be sent."""
    if looked_at is None or IngestJob.objects.to_compare().exists():
        return True
    if Deployment.objects.serving().filter(deployed_at__gt=looked_at - SLACK).exists():
        return True
    if AlertDelivery.objects.due(now).exists():
        return True
    hooks = AlertHook.objects.filter(is_enabled=True)
    return any(
        hook.unsent_events(now).exists() or hook.unsent_dataset_events(now).exists()
        for hook in hooks
    )


def watch_once(now: datetime | None = None) -> int:
    """Make every comparison that is due; return how many were made."""
    now = now or timezone.now()
    done = drift_reports.catch_up()
    for rule in DriftRule.objects.all():
        serving = Deployment.objects.serving(rule.environment).select_related(
            "slot", "model_version"
        )
        if rule.watches_datasets:
            done += sum(map(_look_at_data, _with_new_data(serving)))
        if rule.watches_requests:
            period = SampledPeriod(now - timedelta(seconds=rule.window_s), now)
            last = now - timedelta(seconds=rule.every_s)
            waiting = list(_not_checked_since(serving, last))
            done += sum(_look_at_requests(one, period) for one in waiting)
    return done


def _with_new_data(serving: DeploymentQuerySet) -> list[Deployment]:
    """Return those whose training data has a newer version not compared with yet."""
    newest = "dataset__version__dataset__current_version"
    checked = DriftCheck.objects.filter(
        deployment=OuterRef(OuterRef("pk")),
        subject=DriftSubject.DATASET,
        current=OuterRef(newest),
    )
    run = OuterRef("model_version__run")
    logged = OuterRef("model_version__logged_model__source_run")
    outdated = (
        RunInput.objects.filter(Q(run=run) | Q(run=logged), ~Exists(checked))
        .filter(**{f"{newest}__isnull": False})
        .exclude(dataset__version=F(newest))
    )
    return list(serving.filter(Exists(outdated)))


def _not_checked_since(
    serving: DeploymentQuerySet, moment: datetime
) -> DeploymentQuerySet:
    """Deployments last checked, or first serving, before the moment."""
    checks = DriftCheck.objects.filter(
        deployment=OuterRef("pk"), subject=DriftSubject.REQUESTS
    ).order_by("-created_at")
    last = Coalesce(Subquery(checks.values("created_at")[:1]), "deployed_at")
    return serving.annotate(looked_at=last).filter(looked_at__lte=moment)


def _look_at_data(deployment: Deployment) -> int:
    try:
        return int(check_dataset(deployment) is not None)
    except DomainError as refused:
        data = deployment.model_version.training_data
        DriftCheck.give_up(
            deployment,
            DriftSubject.DATASET,
            refused.message,
            reference=data,
            current=data.dataset.current_version if data else None,
        )
    return 1


def _look_at_requests(deployment: Deployment, period: SampledPeriod) -> int:
    if not samples.parts(deployment.pk, period.since, period.until):
        return 0
    try:
        check_requests(deployment, period)
    except NothingSampled:
        return 0
    except DomainError as refused:
        DriftCheck.give_up(
            deployment,
            DriftSubject.REQUESTS,
            refused.message,
            since=period.since,
            until=period.until,
        )
    return 1
