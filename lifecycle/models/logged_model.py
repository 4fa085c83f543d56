"""A model as a run logged it (MLflow 3), before anybody registers it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from django.conf import settings
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.errors import ArtifactInUse
from lifecycle.states import LoggedModelStatus
from lifecycle.store import logged_models as store
from mlops.core.errors import NotFound
from mlops.core.models import User


class LoggedModel(models.Model):
    """A logged model; its id is `m-` and 32 hexadecimal digits.

    `source_run_label` is the run id a client named when no such run is here.
    """

    id = models.CharField(primary_key=True, max_length=34)
    experiment = models.ForeignKey(
        "lifecycle.Experiment", models.CASCADE, related_name="logged_models"
    )
    name = models.CharField(_("name"), max_length=500)
    source_run = models.ForeignKey(
        "lifecycle.Run", models.SET_NULL, null=True, related_name="logged_models"
    )
    source_run_label = models.CharField(max_length=256, blank=True)
    model_type = models.CharField(_("type"), max_length=500, blank=True)
    status = models.CharField(
        _("status"),
        max_length=8,
        choices=LoggedModelStatus.choices,
        default=LoggedModelStatus.PENDING,
    )
    status_message = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_ms = models.BigIntegerField(_("created"))
    updated_ms = models.BigIntegerField(_("updated"))
    deleted_ms = models.BigIntegerField(_("deleted"), null=True)

    class Meta:
        ordering = ("-created_ms", "id")
        verbose_name = _("logged model")
        verbose_name_plural = _("logged models")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def begin(cls, new: store.NewLoggedModel, *, by: User | None) -> "LoggedModel":
        """Begin a model, pending; a run that is not here stays a label.

        Raises Invalid for a name that could be a path.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            pk = store.begin(cursor, new, by=by.pk if by else None)
        return cls.objects.get(pk=pk)

    @classmethod
    def find(cls, model_id: str) -> "LoggedModel":
        """Return the living model with this id. Raises NotFound."""
        found = cls.objects.filter(pk=model_id, deleted_ms=None).first()
        if found is None:
            raise NotFound(f"There is no logged model {model_id!r}.", field="model_id")
        return found

    def finish(self, status: LoggedModelStatus, *, by: User | None) -> None:
        """Set the final status of the logging; the present status is no move.

        Raises IllegalModelMove, or NotFound once it was deleted.
        """
        with self._locked() as (cursor, model):
            store.finish(cursor, model, status, by=by.pk if by else None)
        self.refresh_from_db(fields=["status", "updated_ms"])

    def delete_softly(self, *, by: User | None) -> None:
        """Hide the model until it is purged; its files can be read until then.

        Raises NotFound if it is hidden, ArtifactInUse if a model version or deployment
        stands on it.
        """
        with self._locked() as (cursor, model):
            if self.is_in_use():
                raise ArtifactInUse(
                    "A model version or deployment stands on this logged model.",
                    field="model_id",
                )
            store.soft_delete(cursor, model, by=by.pk if by else None)
        self.refresh_from_db(fields=["deleted_ms", "updated_ms"])

    def is_in_use(self) -> bool:
        """Whether a model version or a deployment uses the model or a file of it."""
        by_version = Q(model_versions__isnull=False)
        by_deployment = Q(deployments__isnull=False)
        return (
            self.model_versions.exists()
            or self.artifacts.filter(by_version | by_deployment).exists()
        )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Store tags; one that is there gets the new value."""
        with self._locked() as (cursor, model):
            store.set_tags(cursor, model, tags)

    def drop_tag(self, key: str) -> None:
        """Remove a tag. Raises NotFound for one that is not there."""
        with self._locked() as (cursor, model):
            store.drop_tag(cursor, model, key)

    def add_params(self, params: Mapping[str, str]) -> None:
        """Store parameters, written once. Raises ParamConflict for another value."""
        with self._locked() as (cursor, model):
            store.add_params(cursor, model, params)

    def erase(self, *, files: int, by: User | None) -> None:
        """Remove the model for good; its files are gone before."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.erase(cursor, self, files=files, by=by.pk if by else None)

    @contextmanager
    def _locked(self) -> Iterator[tuple[CursorWrapper, store.LockedLoggedModel]]:
        """Lock the row for one verb. Raises NotFound once the model was deleted."""
        with transaction.atomic(), connection.cursor() as cursor:
            yield cursor, store.lock(cursor, self.pk)


class LoggedModelTag(models.Model):
    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        verbose_name = _("logged model tag")
        verbose_name_plural = _("logged model tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once; the second one replaces.
            models.UniqueConstraint(fields=["model", "key"], name="logged_model_tag")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class LoggedModelParam(models.Model):
    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="params")
    key = models.CharField(max_length=250)
    value = models.TextField()

    class Meta:
        verbose_name = _("logged model parameter")
        verbose_name_plural = _("logged model parameters")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once.
            models.UniqueConstraint(fields=["model", "key"], name="logged_model_param")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class LoggedModelMetric(models.Model):
    """A metric that a run logged about a model, on a dataset where one was named."""

    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="metrics")
    run = models.ForeignKey("lifecycle.Run", models.CASCADE, related_name="+")
    key = models.CharField(max_length=250)
    step = models.BigIntegerField()
    timestamp_ms = models.BigIntegerField()
    value = models.FloatField()
    is_nan = models.BooleanField(default=False)
    dataset_name = models.CharField(max_length=500, blank=True)
    dataset_digest = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = _("logged model metric")
        verbose_name_plural = _("logged model metrics")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A point that is sent again is the same row.
            models.UniqueConstraint(
                fields=["model", "key", "timestamp_ms", "step", "run"],
                name="logged_model_metric",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class RunOutput(models.Model):
    """A run produced this logged model at a step."""

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="outputs", db_index=False
    )
    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="outputs")
    step = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("run output")
        verbose_name_plural = _("run outputs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Idempotent: a client may retry.
            models.UniqueConstraint(fields=["run", "model"], name="run_output")
        ]

    def __str__(self) -> str:
        return f"{self.run} → {self.model}"
