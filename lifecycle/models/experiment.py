"""An experiment groups runs that try to answer one question."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypedDict, Unpack

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import FloatField, OuterRef, Q, Subquery
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext_lazy as _

from lifecycle.models.key import Key
from lifecycle.states import ExperimentStatus
from lifecycle.store import experiments as store
from lifecycle.store.experiments import NewExperiment
from mlops.core.errors import NotFound
from mlops.core.models import User

MAX_ID_DIGITS = 18


class ExperimentDetails(TypedDict, total=False):
    """Writable fields of an experiment."""

    description: str
    metadata: dict[str, Any]
    tags: Mapping[str, str]
    artifact_label: str


class ExperimentChanges(ExperimentDetails, total=False):
    status: ExperimentStatus


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    def alive(self) -> Self:
        """Experiments that are not deleted; archived ones are alive."""
        return self.filter(deleted_at=None)

    def with_latest_run(self) -> Self:
        """Add `latest_run_id`, `latest_status` and `latest_ms` of the newest run.

        `latest_ms` is its duration in milliseconds, -1 while there is none, so that
        both databases sort it alike.
        """
        runs = apps.get_model("lifecycle.Run").objects
        newest = runs.filter(experiment=OuterRef("pk"), deleted_ms=None).order_by(
            "-started_ms", "uid"
        )
        # As floats: clients of the MLflow protocol choose times, any 64 bits.
        took = Cast("ended_ms", FloatField()) - Cast("started_ms", FloatField())
        duration = newest.annotate(ms=took).values("ms")
        return self.annotate(
            latest_run_id=Subquery(newest.values("pk")[:1]),
            latest_status=Subquery(newest.values("status")[:1]),
            latest_ms=Coalesce(Subquery(duration[:1]), -1.0),
        )

    def find(self, text: str, *, field: str = "experiment_name") -> "Experiment":
        """Return the experiment with this name, else id, else run (`asked_run`).

        Raises NotFound, naming `field`. Deleted ones are not found.
        """
        if experiment := self.matching(text):
            return experiment
        raise NotFound(f"There is no experiment {text!r}.", field=field)

    def matching(self, text: str) -> "Experiment | None":
        """As `find`, but None if there is none."""
        by_id = Q(pk=int(text)) if _is_id(text) else Q(pk__in=())
        living = self.alive().select_related("owner", "created_by")
        for wanted in (Q(name=text), by_id):
            if experiment := living.filter(wanted).first():
                return experiment
        experiment = living.filter(runs__uid=text, runs__deleted_ms=None).first()
        if experiment is not None:
            experiment.asked_run = text
        return experiment


class Experiment(models.Model):
    """A named group of runs. Its decimal id is the one the MLflow client sees.

    `artifact_label` is a remote address where clients keep artifacts themselves;
    it is a label that nothing here opens. Empty: artifacts are kept here.
    """

    name = models.CharField(_("name"), max_length=500, unique=True)
    description = models.TextField(_("description"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="experiments",
        verbose_name=_("owner"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=ExperimentStatus.choices,
        default=ExperimentStatus.ACTIVE,
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    artifact_label = models.CharField(
        _("remote artifact location"), max_length=2000, blank=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    objects = ExperimentQuerySet.as_manager()

    asked_run: str | None = None
    """The id of the run by which it was looked up: its figures are asked for."""
    latest_run_id: int | None = None
    """Set by `with_latest_run`."""

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        indexes: ClassVar[list[models.Index]] = [
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-created_at", "-id"], name="newest_experiments")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=Q(status__in=ExperimentStatus.values),
                name="experiment_status",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def create(
        cls, name: str, *, by: User | None, **details: Unpack[ExperimentDetails]
    ) -> "Experiment":
        """Make an experiment that `by` owns. Raises AlreadyExists (deleted ones count).

        The name is the caller's to check: REST and MLflow have their own rules.
        """
        new = NewExperiment(
            name,
            owner=by.pk if by else None,
            created_by=by.pk if by else None,
            description=details.get("description", ""),
            metadata=details.get("metadata", {}),
            artifact_label=details.get("artifact_label", ""),
        )
        with transaction.atomic(), connection.cursor() as cursor:
            pk = store.create(cursor, new, details.get("tags", {}))
        return cls.objects.select_related("owner", "created_by").get(pk=pk)

    def change(self, *, by: User | None, **changes: Unpack[ExperimentChanges]) -> None:
        """Replace what is given; tags and metadata as wholes. Archiving ends no run."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.change(cursor, self.pk, changes, by=by.pk if by else None)
        self._read_back(*(name for name in changes if name != "tags"))

    def rename(self, name: str, *, by: User | None) -> None:
        """Give another name, checked by the caller. Raises AlreadyExists."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.rename(cursor, self.pk, name, by=by.pk if by else None)
        self._read_back("name")

    def delete_softly(self, *, by: User | None) -> None:
        """Hide the experiment with its runs until it is restored; twice is once."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.soft_delete(cursor, self.pk, by=by.pk if by else None)
        self._read_back("deleted_at")

    def restore(self, *, by: User | None) -> None:
        """Undo `delete_softly`; a living experiment stays as it is."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.restore(cursor, self.pk, by=by.pk if by else None)
        self._read_back("deleted_at")

    def set_tags(self, tags: Mapping[str, str], *, by: User | None) -> None:
        """Store tags beside those that are there; a known key gets the new value."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.tag(cursor, self.pk, tags, by=by.pk if by else None)
        self._read_back()

    def delete_tag(self, name: str, *, by: User | None) -> bool:
        """Delete a tag; return whether there was one."""
        with transaction.atomic(), connection.cursor() as cursor:
            return store.untag(cursor, self.pk, name, by=by.pk if by else None)

    def erase(self, *, by: User | None) -> None:
        """Remove it for good; its runs and their files are gone before."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.erase(cursor, self, by=by.pk if by else None)

    def _read_back(self, *fields: str) -> None:
        self.refresh_from_db(fields=[*fields, "updated_at"])


class ExperimentTag(models.Model):
    """A key with a value. A REST tag `a` is the key a with "", `a=b` a with b."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="tags")
    key = models.ForeignKey(Key, models.PROTECT, related_name="+")
    value = models.TextField(_("value"), blank=True)

    class Meta:
        verbose_name = _("experiment tag")
        verbose_name_plural = _("experiment tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once; the second one replaces.
            models.UniqueConstraint(
                fields=["experiment", "key"], name="experiment_tag_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS
