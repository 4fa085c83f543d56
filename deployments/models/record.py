"""The columns of a deployment; what it can do is in `deployment`."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from deployments.models.queries import DeploymentQuerySet
from deployments.plan import Plan, Strategy
from deployments.serving.readings import changes_since, newest
from deployments.states import STARTED, TRANSITIONS, Health, Mover, Status


class DeploymentRecord(models.Model):
    """An intent to serve a model version, and how far it has come.

    `generation` counts every change of the row's state; a writer that read an
    older one loses. `attempts` counts how often the present step was begun. The
    artifact's digest is copied here (of a folder, that of its list of files), so that
    nothing done in the registry can change what is served; `reading` says by which
    rules it is read (`deployments.serving.readings`). `compared_with` are the newer
    rules that were asked the same once, 0 for none, and `comparison` has what came of
    it: `differences` to so many `requests`, or why it is `unknown`. `signature` is what
    validation found out: `inputs`, `outputs` and `feature_names`, empty until then.
    `restores` names the deployment that a rollback brings back, `rollback_from` the one
    that it undoes. A rollout is under way from `rollout_at` on: that is when the
    present step got its traffic. `ends_as` is the status that somebody asked it to
    end with, while it may still get requests; `ending` says who (`by`, an id) and why
    (`message`). The status follows when the requests have been taken away. `judged_at`
    is when a reconciler last looked at it, to within `JUDGED_S` seconds; who reads
    `health` asks `Lease.seen` as well.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slot = models.ForeignKey(
        "deployments.Slot", models.PROTECT, related_name="deployments"
    )
    revision = models.PositiveIntegerField(_("revision"))
    model_version = models.ForeignKey(
        "lifecycle.ModelVersion",
        models.PROTECT,
        related_name="deployments",
        verbose_name=_("model version"),
    )
    artifact = models.ForeignKey(
        "lifecycle.Artifact", models.PROTECT, null=True, related_name="deployments"
    )
    artifact_sha256 = models.CharField(max_length=64, blank=True)
    reading = models.PositiveSmallIntegerField(default=newest, editable=False)
    compared_with = models.PositiveSmallIntegerField(default=0, editable=False)
    comparison = models.JSONField(default=dict, editable=False)

    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING
    )
    generation = models.PositiveIntegerField(default=1)
    attempts = models.PositiveSmallIntegerField(default=0)
    signature = models.JSONField(_("signature"), default=dict, editable=False)
    ends_as = models.CharField(
        max_length=16, choices=Status.choices, default="", blank=True, editable=False
    )
    ending = models.JSONField(default=dict, editable=False)
    step_started_at = models.DateTimeField(auto_now_add=True)
    error_message = models.TextField(_("error"), null=True, editable=False)  # noqa: DJ001 - the contract tells null from ""

    instances = models.PositiveSmallIntegerField(
        _("instances"), default=1, validators=[MinValueValidator(1)]
    )
    instance_type = models.CharField(
        _("instance type"), max_length=50, default="standard"
    )
    auto_scaling = models.BooleanField(_("auto scaling"), default=False)
    min_instances = models.PositiveSmallIntegerField(null=True, blank=True)
    max_instances = models.PositiveSmallIntegerField(null=True, blank=True)
    strategy = models.JSONField(_("strategy"), default=dict, blank=True)
    timeout_s = models.PositiveSmallIntegerField(
        _("time limit (s)"), null=True, blank=True
    )
    max_concurrency = models.PositiveSmallIntegerField(
        _("requests at once"), null=True, blank=True
    )
    max_body_bytes = models.PositiveIntegerField(
        _("largest body (bytes)"), null=True, blank=True
    )

    rollout_step = models.PositiveSmallIntegerField(default=0, editable=False)
    rollout_at = models.DateTimeField(null=True, editable=False)
    is_paused = models.BooleanField(_("paused"), default=False, editable=False)
    is_promoted = models.BooleanField(_("promoted"), default=False, editable=False)
    ready_instances = models.PositiveSmallIntegerField(default=0, editable=False)
    health = models.CharField(
        _("health"),
        max_length=16,
        choices=Health.choices,
        default=Health.DEGRADED,
        editable=False,
    )
    health_reason = models.TextField(
        _("why it is not healthy"), blank=True, default="", editable=False
    )
    judged_at = models.DateTimeField(_("judged"), null=True, editable=False)
    traffic_percent = models.PositiveSmallIntegerField(
        _("traffic (%)"), default=0, editable=False
    )

    notes = models.TextField(_("notes"), null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    reason = models.TextField(_("reason"), blank=True)
    rollback_from = models.ForeignKey(
        "self", models.PROTECT, null=True, editable=False, related_name="rollbacks"
    )
    restores = models.ForeignKey(
        "self", models.PROTECT, null=True, editable=False, related_name="restorations"
    )
    superseded_by = models.ForeignKey(
        "self", models.PROTECT, null=True, editable=False, related_name="superseded"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="deployments",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    deployed_at = models.DateTimeField(_("deployed"), null=True, editable=False)
    terminated_at = models.DateTimeField(_("ended"), null=True, editable=False)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ("-created_at", "-pk")
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        permissions = (
            ("roll_back_deployment", "Can roll back a deployment"),
            ("deploy_to_development", "Can deploy to development"),
            ("deploy_to_staging", "Can deploy to staging"),
            ("deploy_to_production", "Can deploy to production"),
        )
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two requests for a slot that take the next revision at once.
            models.UniqueConstraint(
                fields=["slot", "revision"], name="deployment_revision"
            ),
            # The last word when two reconcilers activate at once: a slot serves one.
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(status=Status.ACTIVE),
                name="one_active_deployment_of_a_slot",
            ),
            # Two reconcilers that begin two of a slot at once.
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(status__in=sorted(STARTED)),
                name="one_deployment_of_a_slot_in_progress",
            ),
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="deployment_status"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Each pass asks what is open or on its way, the oldest first. Not partial:
            # SQLite does not match a condition with bound parameters.
            models.Index(
                fields=["status", "created_at", "id"], name="deployments_by_status"
            ),
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-created_at", "-id"], name="newest_deployments"),
            # Each pass asks what was asked to end; nearly always nothing.
            models.Index(fields=["ends_as"], name="deployments_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.slot} r{self.revision}"

    @property
    def environment(self) -> str:
        environment: str = self.slot.environment
        return environment

    @property
    def endpoint(self) -> str:
        """Where the slot answers predictions."""
        endpoint: str = self.slot.endpoint
        return endpoint

    @property
    def reading_notes(self) -> list[str]:
        """What a person should know of how the file is read, in sentences."""
        found = self.comparison if self.compared_with == newest() else None
        newer = changes_since(self.reading, found)
        return [*self.signature.get("notes", ()), *newer]

    @property
    def newer_differences(self) -> list[str] | None:
        """Where the newest rules answer otherwise; None where that is not known."""
        if self.reading >= newest():
            return []
        if self.compared_with != newest() or "unknown" in self.comparison:
            return None
        return list(self.comparison.get("differences", ()))

    @property
    def is_current(self) -> bool:
        return self.status == Status.ACTIVE

    @property
    def rollout(self) -> Strategy:
        return Strategy.of(self.strategy)

    @property
    def is_rolling_out(self) -> bool:
        """Whether a canary or shadow of this one is under way."""
        return self.status == Status.DEPLOYING and self.rollout_at is not None

    @property
    def canary_percent(self) -> int:
        """The share that the present step of its canary asks for; 0 of a shadow."""
        steps = self.rollout.steps
        return steps[self.rollout_step] if self.is_rolling_out and steps else 0

    @property
    def plan(self) -> Plan:
        return Plan(
            self.instances,
            self.instance_type,
            self.auto_scaling,
            self.min_instances,
            self.max_instances,
            self.rollout,
            self.timeout_s,
            self.max_concurrency,
            self.max_body_bytes,
        )

    @property
    def allowed_statuses(self) -> list[str]:
        """What a person may ask this one's status to become: nothing if it ends."""
        if self.ends_as:
            return []
        allowed = [
            str(to)
            for (at, to), movers in TRANSITIONS.items()
            if at == self.status and Mover.USER in movers
        ]
        return [*allowed, str(Status.ROLLBACK)] if self.is_current else allowed
