"""A run: one execution of a training program, and what may happen to it.

Times that the MLflow protocol carries are kept as it sends them: whole
milliseconds since 1970 in UTC (`*_ms`).
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypedDict, Unpack

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from datasets.models import DatasetVersion
from lifecycle.models.artifact import Reference
from lifecycle.models.experiment import Experiment
from lifecycle.models.inputs import RunInput, note_read
from lifecycle.models.run_queries import RunQuerySet
from lifecycle.paths import label_uri, normal_path
from lifecycle.states import RunStatus
from lifecycle.store import artifacts, experiments, points, runs
from lifecycle.store import logged as logs
from lifecycle.store.artifacts import NewReference
from lifecycle.store.inputs import NamedDataset
from lifecycle.store.points import NewPoint, Snapshot
from lifecycle.store.runs import NewRun
from lifecycle.times import now_ms
from mlops.core.models import User


class RunDetails(TypedDict, total=False):
    """Fields that may be set when a run starts."""

    uid: str
    name: str
    notes: str | None
    status: RunStatus
    started_ms: int


class Logged(TypedDict, total=False):
    """Points, parameters (any JSON value) and tags to log to a run."""

    metrics: Iterable[NewPoint]
    params: Mapping[str, Any]
    tags: Mapping[str, str]


class Run(models.Model):
    """One execution of a training program.

    `user_label` is what an MLflow client calls its user: shown and searched there,
    and never an identity (that is `created_by`).
    """

    uid = models.CharField(_("run id"), max_length=256, unique=True)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="runs")
    name = models.CharField(_("name"), max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="runs"
    )
    user_label = models.CharField(
        _("user as the client says"), max_length=256, blank=True
    )
    status = models.CharField(
        _("status"), max_length=16, choices=RunStatus.choices, default=RunStatus.RUNNING
    )
    notes = models.TextField(_("notes"), null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    started_ms = models.BigIntegerField(_("started"))
    ended_ms = models.BigIntegerField(_("ended"), null=True)
    deleted_ms = models.BigIntegerField(_("deleted"), null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-started_ms", "uid")
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        indexes: ClassVar[list[models.Index]] = [
            # Runs of an experiment in the order that MLflow's search has by default.
            models.Index(
                F("experiment"), F("started_ms").desc(), F("uid"), name="run_newest"
            ),
            # The list of all runs, and those of the last days.
            models.Index(F("started_ms").desc(), F("uid"), name="run_started"),
            # How many runs an experiment has, without reading them.
            models.Index(
                fields=["experiment"], condition=Q(deleted_ms=None), name="run_alive"
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=Q(status__in=RunStatus.values), name="run_status"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.uid

    @classmethod
    def start(
        cls, experiment: Experiment, *, by: User | None, **details: Unpack[RunDetails]
    ) -> "Run":
        """Begin a run; the server makes the id (32 hex digits) if none is given.

        Raises ExperimentArchived, or AlreadyExists if the id is taken.
        """
        new = NewRun(
            uid=details.get("uid") or uuid.uuid4().hex,
            experiment_id=experiment.pk,
            started_ms=details.get("started_ms", now_ms()),
            name=details.get("name", ""),
            created_by=by.pk if by else None,
            notes=details.get("notes"),
            status=details.get("status", RunStatus.RUNNING),
        )
        with transaction.atomic(), connection.cursor() as cursor:
            home = experiments.open_for_runs(cursor, experiment.pk)
            pk = runs.start(cursor, new, home)
        return cls.objects.select_related("experiment", "created_by").get(pk=pk)

    def log(self, **logged: Unpack[Logged]) -> None:
        """Store metrics, parameters and tags, all or none of them.

        Raises RunClosed once the run has ended, ParamConflict for a parameter that
        has another value already.
        """
        with transaction.atomic():
            self.lock_open()
            self.write(**logged)

    def measure(self, snapshots: Sequence[Snapshot]) -> None:
        """Log values whose steps may be left to count by themselves, as `log` does."""
        with transaction.atomic(), connection.cursor() as cursor:
            runs.lock_open(cursor, self.pk)
            metrics = points.with_steps(cursor, self.pk, snapshots)
            logs.write(cursor, self.pk, metrics=metrics)

    def write(self, **logged: Unpack[Logged]) -> None:
        """Store what a run logs whatever its status, as the MLflow protocol allows."""
        with transaction.atomic(), connection.cursor() as cursor:
            logs.write(
                cursor,
                self.pk,
                metrics=list(logged.get("metrics", ())),
                parameters=logged.get("params", {}),
                labels=logged.get("tags", {}),
            )

    def refer_to(self, references: Iterable[Reference], *, by: User | None) -> None:
        """Keep references to files; one to an uploaded file only says its type.

        Raises RunClosed, LocalUri or UnsafePath, or AlreadyExists when the name is
        that of an uploaded file and the URI is another.
        """
        actor = by.pk if by else None
        with transaction.atomic(), connection.cursor() as cursor:
            run = runs.lock(cursor, self.pk)
            runs.refuse_closed(run.status)
            artifacts.refer(
                cursor, run, [_checked(each) for each in references], by=actor
            )

    def read_dataset(self, version: DatasetVersion, *, context: str = "") -> RunInput:
        """Store that the run read this dataset version; idempotent."""
        named = NamedDataset(
            name=version.dataset.name,
            digest=version.digest,
            source_type="catalogue",
            tags={"mlflow.data.context": context} if context else {},
        )
        with transaction.atomic(), connection.cursor() as cursor:
            note_read(cursor, self.pk, self.experiment_id, named, version)
        return self.inputs.get(dataset__name=named.name, dataset__digest=named.digest)

    def finish(
        self, status: RunStatus, *, ended_ms: int | None = None, by: User | None = None
    ) -> None:
        """End the run (or begin a scheduled one); the status it has is no move.

        Raises IllegalRunMove, or Invalid if it would end before it started.
        """
        actor = by.pk if by else None
        with transaction.atomic(), connection.cursor() as cursor:
            runs.finish(cursor, self.pk, status, ended_ms=ended_ms, by=actor)
        self.refresh_from_db(fields=["status", "ended_ms"])

    def report(
        self,
        *,
        by: User | None,
        status: RunStatus | None = None,
        ended_ms: int | None = None,
    ) -> None:
        """Set status and end as the client reports them; may resume a run.

        This is the MLflow protocol's rule, where only a deleted run takes nothing; what
        is None stays as it is.
        """
        actor = by.pk if by else None
        with transaction.atomic(), connection.cursor() as cursor:
            runs.report(cursor, self.pk, status=status, ended_ms=ended_ms, by=actor)
        self.refresh_from_db(fields=["status", "ended_ms"])

    def delete_softly(self, *, by: User | None) -> None:
        """Hide the run until it is restored or purged; twice is once."""
        with transaction.atomic(), connection.cursor() as cursor:
            runs.soft_delete(cursor, self.pk, by=by.pk if by else None)
        self.refresh_from_db(fields=["deleted_ms"])

    def restore(self, *, by: User | None) -> None:
        """Undo `delete_softly`; a living run stays as it is."""
        with transaction.atomic(), connection.cursor() as cursor:
            runs.restore(cursor, self.pk, by=by.pk if by else None)
        self.deleted_ms = None

    def describe(self, notes: str | None, *, by: User | None) -> None:
        """Replace the notes; they may be written after the end too."""
        with transaction.atomic(), connection.cursor() as cursor:
            runs.describe(cursor, self.pk, notes, by=by.pk if by else None)
        self.notes = notes

    def erase(self, *, files: int, by: User | None) -> None:
        """Remove it for good with what it logged; its files are gone before."""
        with transaction.atomic(), connection.cursor() as cursor:
            runs.erase(cursor, self, files=files, by=by.pk if by else None)

    def refuse_if_closed(self) -> None:
        """Raise RunClosed if the run has ended; nothing is locked."""
        runs.refuse_closed(self.status)

    def lock_open(self) -> None:
        """Lock the run until the transaction ends. Raises RunClosed once it ended."""
        with connection.cursor() as cursor:
            runs.lock_open(cursor, self.pk)

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from start to end; None while the run goes on."""
        if self.ended_ms is None:
            return None
        return (self.ended_ms - self.started_ms) / 1000


def _checked(reference: Reference) -> NewReference:
    """Return what is kept of a reference. Raises LocalUri or UnsafePath."""
    return NewReference(
        uri=label_uri(reference.uri, field="artifacts"),
        path=normal_path(reference.name, field="artifacts"),
        artifact_type=reference.artifact_type,
        size_bytes=reference.size_bytes,
    )
