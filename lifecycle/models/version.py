"""A version of a model: what was trained, who approved it, and its stage."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, TypedDict, Unpack

from django.conf import settings
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from datasets.models import DatasetVersion
from lifecycle.models import servable
from lifecycle.models.artifact import Artifact
from lifecycle.models.inputs import training_data
from lifecycle.models.logged_model import LoggedModel
from lifecycle.models.registry import RegisteredModel
from lifecycle.models.run import Run
from lifecycle.models.version_queries import ModelVersionQuerySet
from lifecycle.states import IS_PROMPT, ModelStage
from lifecycle.store import registered_models, registration, stages
from lifecycle.store import versions as store
from lifecycle.store.checklists import NewCheck
from lifecycle.store.figures import NewFigure
from lifecycle.store.registration import NewVersion
from lifecycle.store.stages import ServedFile
from lifecycle.store.versions import LockedVersion, VersionAsRead
from mlops.core.errors import Invalid
from mlops.core.models import User

_CHANGING = (
    "stage",
    "description",
    "artifact",
    "framework",
    "approved_by",
    "approved_at",
    "approval_notes",
    "rollback_notes",
    "updated_at",
)
"""The columns that verbs write."""


class VersionDetails(TypedDict, total=False):
    """Fields that may be set when a version is registered."""

    run: Run | None
    logged_model: LoggedModel | None
    stage: ModelStage
    artifact_path: str
    source: str
    run_link: str
    run_label: str
    description: str
    framework: str
    hyperparameters: dict[str, Any] | None
    metrics: Iterable[NewFigure]
    checklist: Iterable[NewCheck]
    tags: Mapping[str, str]


class VersionChanges(TypedDict, total=False):
    """Changes that `revise` applies; an approval is the caller's, with notes."""

    checklist: Iterable[NewCheck] | None
    approve: bool
    notes: str
    stage: ModelStage | None
    reason: str


class ModelVersion(models.Model):
    """A version of a registered model.

    `version` is the label that people use, `number` counts per model and is what
    the MLflow protocol uses; a version registered there has both equal.
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
        **details: Unpack[VersionDetails],
    ) -> "ModelVersion":
        """Register a version; without a label it is called by its number.

        A name makes the model if there is none yet. Figures default to the run's
        newest metrics. Raises AlreadyExists for a label that is taken, Invalid for
        a bad name or that of a prompt, ChecklistNotPassed or VersionNotApproved for
        a stage that it may not start in; on any of them nothing is stored.
        """
        stage = details.pop("stage", ModelStage.EXPERIMENTAL)
        actor = by.pk if by else None
        with transaction.atomic(), connection.cursor() as cursor:
            if isinstance(model, str):
                locked = registered_models.ensure(cursor, model, by=actor)
            else:
                locked = registered_models.lock(cursor, model.pk)
            if not RegisteredModel.objects.without_prompts().filter(pk=locked.pk):
                raise Invalid(f"{locked.name} is a prompt.", field="model_name")
            made = registration.register(
                cursor, locked, _new(version, details), by=actor
            )
            if stage != ModelStage.EXPERIMENTAL:
                row = store.lock(cursor, made.id)
                stages.move(cursor, row, stage, by=actor, reason="registered so")
        return cls.objects.select_related("model").get(pk=made.id)

    def approve(self, *, by: User | None, notes: str = "") -> None:
        """Approve the version as it is; its artifact is fixed from now on.

        The same approver again changes nothing. Raises OwnApproval for the author,
        AlreadyApproved, ChecklistNotPassed, DataQualityFailed, IllegalStageMove for
        an archived one, Forbidden without a signed-in person, StaleVersion for a
        lost race.
        """
        with self._locked(by, as_read=True) as (cursor, version, actor):
            file = self.artifact or servable.pin(
                self.run_id, self.logged_model_id, self.artifact_path
            )
            served = ServedFile(
                file.pk if file else None,
                self.framework or servable.framework_of(file),
            )
            stages.approve(cursor, version, served=served, by=actor, notes=notes)

    def move_to_stage(
        self, stage: ModelStage | str, *, by: User | None, reason: str = ""
    ) -> None:
        """Move to another stage, with a row of history; the same stage is no move.

        Leaving production keeps the reason as `rollback_notes`. Raises
        IllegalStageMove, ChecklistNotPassed, VersionNotApproved, DataQualityFailed, or
        StaleVersion if the version was changed since it was read.
        """
        with self._locked(by, as_read=True) as (cursor, version, actor):
            after = ModelStage(stage)
            stages.move(cursor, version, after, by=actor, reason=reason)

    def set_checklist(self, checks: Iterable[NewCheck], *, by: User | None) -> None:
        """Replace the checklist. An item keeps the time when it was passed.

        An approval covers the checklist that the approver saw; another item
        or another status voids it, a note does not.
        """
        with self._locked(by, as_read=True) as (cursor, version, actor):
            stages.set_checklist(cursor, version, list(checks), by=actor)

    def revise(self, *, by: User | None, **changes: Unpack[VersionChanges]) -> None:
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
        with self._locked(by) as (cursor, version, actor):
            store.describe(cursor, version, description, by=actor)

    def note_rollback(self, text: str, *, by: User | None) -> None:
        """Keep why this version was taken out of service."""
        with self._locked(by) as (cursor, version, actor):
            stages.note_rollback(cursor, version, text, by=actor)

    def set_tag(self, key: str, value: str, *, by: User | None) -> None:
        """Store a tag; one that is there gets the new value.

        Raises Invalid for the tag of a prompt on a version with a file to serve.
        """
        if (key, value) == (IS_PROMPT, "true"):
            ModelVersion.objects.filter(pk=self.pk).refuse_as_prompts()
        with self._locked(by) as (cursor, version, actor):
            store.set_tag(cursor, version, key, value, by=actor)

    def drop_tag(self, key: str, *, by: User | None) -> None:
        """Remove a tag; one that is not there is no error."""
        with self._locked(by) as (cursor, version, actor):
            store.drop_tag(cursor, version, key, by=actor)

    def remove(self, *, by: User | None) -> None:
        """Delete the version and its aliases. Raises ProtectedError once deployed."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.remove(cursor, self, by=by.pk if by else None)

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
        stages.require_sound_data(self.training_run_ids, str(self))

    @property
    def is_prompt(self) -> bool:
        """Whether it is a prompt of MLflow's, which nothing can serve."""
        own = ModelVersion.objects.filter(pk=self.pk)
        return not own.without_prompts().exists()

    @property
    def is_approved(self) -> bool:
        """Approved, which only somebody other than the author can do."""
        return self.approved_at is not None

    @property
    def has_passed_checklist(self) -> bool:
        """Whether every item is passed; an empty list asks for nothing."""
        return not self.checklist.unpassed().exists()

    @contextmanager
    def _locked(
        self, by: User | None, *, as_read: bool = False
    ) -> Iterator[tuple[CursorWrapper, LockedVersion, int | None]]:
        """Lock the row for one verb of a person's, and read it again after it.

        Raises NotFound if it was deleted, StaleVersion where it must stand as it was
        read and does not.
        """
        read = VersionAsRead(self.stage, self.approved_at) if as_read else None
        with transaction.atomic(), connection.cursor() as cursor:
            version = store.lock(cursor, self.pk, read)
            yield cursor, version, by.pk if by else None
        self.refresh_from_db(fields=_CHANGING)


def _new(label: str | None, details: VersionDetails) -> NewVersion:
    """Return the version as the store takes it, with its artifact pinned."""
    run, logged = details.get("run"), details.get("logged_model")
    run_id = run.pk if run else None
    logged_id = logged.pk if logged else None
    path = details.get("artifact_path", "")
    file = servable.pin(run_id, logged_id, path)
    metrics = details.get("metrics")
    return NewVersion(
        label=label,
        artifact=file.pk if file else None,
        run=run_id,
        run_label=details.get("run_label", ""),
        logged_model=logged_id,
        artifact_path=path,
        source=details.get("source", ""),
        run_link=details.get("run_link", ""),
        description=details.get("description", ""),
        framework=details.get("framework") or servable.framework_of(file),
        hyperparameters=details.get("hyperparameters"),
        figures=None if metrics is None else list(metrics),
        checklist=list(details.get("checklist", ())),
        tags=details.get("tags", {}),
    )
