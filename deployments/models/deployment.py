"""A deployment: one version of a model, asked to serve in one slot."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from deployments.states import Health, Status


class Deployment(models.Model):
    """An intent to serve a model version, and how far it has come.

    `generation` counts every change of the row's state; a writer that read an
    older one loses. The artifact's digest is copied here, so that nothing done in
    the registry can change what is served.
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

    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING
    )
    generation = models.PositiveIntegerField(default=1)
    attempts = models.PositiveSmallIntegerField(default=0)
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

    ready_instances = models.PositiveSmallIntegerField(default=0, editable=False)
    health = models.CharField(
        _("health"),
        max_length=16,
        choices=Health.choices,
        default=Health.DEGRADED,
        editable=False,
    )
    traffic_percent = models.PositiveSmallIntegerField(
        _("traffic (%)"), default=0, editable=False
    )

    notes = models.TextField(_("notes"), null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    reason = models.TextField(_("reason"), blank=True)
    rollback_from = models.ForeignKey(
        "self", models.PROTECT, null=True, editable=False, related_name="rollbacks"
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

    class Meta:
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
            models.UniqueConstraint(
                fields=["slot", "revision"], name="deployment_revision"
            ),
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(status=Status.ACTIVE),
                name="one_active_deployment_of_a_slot",
            ),
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(status__in=[Status.VALIDATING, Status.DEPLOYING]),
                name="one_deployment_of_a_slot_in_progress",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="deployment_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slot} r{self.revision}"
