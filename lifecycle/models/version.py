"""A version of a model: what was trained, who vouches for it, where it stands."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar, Unpack

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models import DatasetVersion
from lifecycle.errors import StaleVersion
from lifecycle.models import gates, registration, servable
from lifecycle.models.artifact import Artifact
from lifecycle.models.inputs import training_data
from lifecycle.models.registry import RegisteredModel
from lifecycle.models.version_parts import Check, ChecklistItem
from lifecycle.models.version_queries import ModelVersionQuerySet
from lifecycle.states import ModelStage
from mlops.core import audit
from mlops.core.errors import NotFound
from mlops.core.models import User


class ModelVersion(models.Model):
    """A version of a registered model.

    `version` is the label that people use, `number` counts per model and is what
    the MLflow door speaks; a version made there has both equal.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(
        "lifecycle.RegisteredModel", models.CASCADE, related_name="versions"
    )
    version = models.CharField(_("version"), max_length=100)
    number = models.PositiveIntegerField(_("number"))
    run = models.ForeignKey(
        "lifecycle.Run", models.SET_NULL, null=True, related_name="model_versions"
    )
    logged_model = models.ForeignKey(
        "lifecycle.LoggedModel",
        models.SET_NULL,
        null=True,
        related_name="model_versions",
    )
    artifact = models.ForeignKey(
        "lifecycle.Artifact",
        models.PROTECT,
        null=True,
        related_name="model_versions",
        verbose_name=_("servable artifact"),
    )
    artifact_path = models.CharField(_("artifact path"), max_length=1000, blank=True)
    source = models.CharField(_("source label"), max_length=2000, blank=True)
    run_label = models.CharField(max_length=256, blank=True)
    run_link = models.CharField(max_length=500, blank=True)
    stage = models.CharField(
        _("stage"),
        max_length=16,
        choices=ModelStage.choices,
        default=ModelStage.EXPERIMENTAL,
    )
    description = models.TextField(_("description"), blank=True)
    framework = models.CharField(_("framework"), max_length=100, blank=True)
    hyperparameters = models.JSONField(_("hyperparameters"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="model_versions",
        verbose_name=_("author"),
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="approved_versions",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved"), null=True, editable=False)
    approval_notes = models.TextField(_("approval notes"), blank=True)
    rollback_notes = models.TextField(_("rollback notes"), null=True, editable=False)  # noqa: DJ001 - the contract tells null from ""
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        indexes: ClassVar[list[models.Index]] = [
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-created_at", "-id"], name="newest_model_versions")
        ]
        permissions = (
            ("approve_modelversion", "Can approve a model version"),
            ("promote_modelversion", "Can move a model version to another stage"),
        )
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two registrations under one label at the same moment.
            models.UniqueConstraint(
                fields=["model", "version"], name="model_version_label"
            ),
            # Two registrations that take the next number at the same moment.
            models.UniqueConstraint(
                fields=["model", "number"], name="model_version_number"
            ),
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=Q(stage__in=ModelStage.values), name="model_version_stage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.version}"

    @classmethod
    def register(
        cls,
        model: RegisteredModel | str,
        *,
        by: User | None,
        version: str | None = None,
        **details: Unpack[registration.VersionDetails],
    ) -> "ModelVersion":
        """Register a version; without a label it is called by its number.

        A name makes the model if there is none yet. Figures default to the run's
        newest metrics. Raises AlreadyExists for a label that is taken, Invalid for
        a bad name, ChecklistNotPassed or NotApproved for a stage that it may not
        start in; on any of them nothing is stored.
        """
        stage = details.pop("stage", ModelStage.EXPERIMENTAL)
        parts = registration.Parts(
            metrics=details.pop("metrics", None),
            checklist=details.pop("checklist", ()),
            tags=details.pop("tags", {}),
        )
        with transaction.atomic():
            if isinstance(model, str):
                model = RegisteredModel.get_or_make(model, by=by)
            number, label = registration.next_label(model, version)
            made = cls(
                model=model, number=number, version=label, created_by=by, **details
            )
            made.artifact = servable.pin(
                made.run, made.logged_model, made.artifact_path
            )
            made.save(force_insert=True)
            parts.store(made)
            audit.record("register", made, by=by, changes={"number": number})
            if stage != ModelStage.EXPERIMENTAL:
                made.move_to_stage(stage, by=by, reason="registered so")
        return made

    def approve(self, *, by: User | None, notes: str = "") -> None:
        """Vouch for the version as it is; its artifact is fixed from now on.

        The same approver again changes nothing. Raises OwnApproval for the author,
        AlreadyApproved, ChecklistNotPassed, DataQualityFailed, IllegalStageMove for
        an archived one, Forbidden without a signed-in person, StaleVersion for a
        lost race.
        """
        with transaction.atomic():
            self._lock()
            if self.is_approved and self.approved_by == by:
                return
            gates.require_approver(self, by)
            gates.require_checklist(self)
            gates.require_sound_data(self)
            if self.artifact is None:
                self.artifact = servable.pin(
                    self.run, self.logged_model, self.artifact_path
                )
            self.approved_by, self.approved_at = by, timezone.now()
            self.approval_notes = notes
            self._store("approved_by", "approved_at", "approval_notes", "artifact")
            audit.record("approve", self, by=by, changes={"notes": notes})

    def move_to_stage(
        self, stage: ModelStage | str, *, by: User | None, reason: str = ""
    ) -> None:
        """Move to another stage, with a row of history; the same stage is no move.

        Leaving production keeps the reason as `rollback_notes`. Raises
        IllegalStageMove, ChecklistNotPassed, NotApproved, DataQualityFailed, or
        StaleVersion if the version was changed since it was read.
        """
        with transaction.atomic():
            self._lock()
            before, after = ModelStage(self.stage), ModelStage(stage)
            if before == after:
                return
            gates.require_move(self, after)
            self.stage = after
            if before == ModelStage.PRODUCTION:
                self.rollback_notes = reason or None
            self._store("stage", "rollback_notes")
            self.stage_changes.create(
                from_stage=before, to_stage=after, reason=reason, changed_by=by
            )
            changes = {"stage": [before, after], "reason": reason}
            audit.record("move_to_stage", self, by=by, changes=changes)

    def set_checklist(self, checks: Iterable[Check], *, by: User | None) -> None:
        """Replace the checklist. An item keeps the time when it was passed.

        An approval vouches for the checklist that the approver saw; another item
        or another status voids it, a note does not.
        """
        with transaction.atomic():
            self._lock()
            before = ChecklistItem.statuses_of(self)
            ChecklistItem.replace(self, list(checks))
            after = ChecklistItem.statuses_of(self)
            if before == after:
                return
            changes: dict[str, Any] = {"checklist": [before, after]}
            if self.is_approved:
                changes["approved_by"] = [str(self.approved_by), None]
                self.approved_by = self.approved_at = None
                self._store("approved_by", "approved_at")
            audit.record("set_checklist", self, by=by, changes=changes)

    def revise(
        self, *, by: User | None, **changes: Unpack[registration.VersionChanges]
    ) -> None:
        """Do several of these at once, or none: checklist, approval, then stage."""
        with transaction.atomic():
            if (checks := changes.get("checklist")) is not None:
                self.set_checklist(checks, by=by)
            if changes.get("approve"):
                self.approve(by=by, notes=changes.get("notes", ""))
            if stage := changes.get("stage"):
                self.move_to_stage(stage, by=by, reason=changes.get("reason", ""))

    def describe(self, description: str, *, by: User | None) -> None:
        """Replace the description."""
        with transaction.atomic():
            self.description = description
            self._store("description")
            changes = {"description": description}
            audit.record("describe", self, by=by, changes=changes)

    def note_rollback(self, text: str, *, by: User | None) -> None:
        """Keep why this version was taken out of service."""
        with transaction.atomic():
            self.rollback_notes = text
            self._store("rollback_notes")
            audit.record("note_rollback", self, by=by, changes={"notes": text})

    def servable_artifact(self) -> Artifact | None:
        """Return the file that a deployment loads; None if there is none.

        It is fixed when the version is registered, or at the latest approved.
        """
        if self.artifact is not None or self.is_approved:
            return self.artifact
        return servable.find(self.run, self.logged_model, self.artifact_path)

    @property
    def training_run_ids(self) -> list[int]:
        """The runs that made this: its own, and that of its logged model."""
        ids = {self.run_id}
        if self.logged_model is not None:
            ids.add(self.logged_model.source_run_id)
        return sorted(one for one in ids if one is not None)

    @property
    def training_data(self) -> DatasetVersion | None:
        """The catalogue's data that it was trained on; None if none is known."""
        return training_data(self.training_run_ids)

    def require_sound_data(self) -> None:
        """Raise DataQualityFailed if what it was trained on broke a rule meanwhile."""
        gates.require_sound_data(self)

    @property
    def is_approved(self) -> bool:
        """Approved, which only somebody other than the author can do."""
        return self.approved_at is not None

    @property
    def has_passed_checklist(self) -> bool:
        """Whether every item is passed; an empty list asks for nothing."""
        return not self.checklist.unpassed().exists()

    def _lock(self) -> None:
        """Hold the row until the commit. Raises StaleVersion if it is not as read."""
        now = type(self).objects.select_for_update().filter(pk=self.pk).first()
        if now is None:
            raise NotFound("The model version was deleted.", field="version")
        if (now.stage, now.approved_at) != (self.stage, self.approved_at):
            raise StaleVersion(f"{self} was changed meanwhile; read it again.")

    def _store(self, *fields: str) -> None:
        self.save(update_fields=[*fields, "updated_at"])
