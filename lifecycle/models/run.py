"""A run: one execution of a training program, and what may happen to it.

Times that the MLflow protocol carries are kept as it sends them: whole
milliseconds since 1970 in UTC (`*_ms`).
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypedDict, Unpack

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from datasets.models import DatasetVersion
from lifecycle.errors import IllegalRunMove, RunClosed
from lifecycle.models.artifact import Reference
from lifecycle.models.experiment import Experiment
from lifecycle.models.inputs import InputDataset, RunInput
from lifecycle.models.key import Key
from lifecycle.models.metric import (
    Point,
    Snapshot,
    number_steps,
    write_points,
)
from lifecycle.models.param import write_params, write_tags
from lifecycle.models.run_queries import RunQuerySet
from lifecycle.paths import label_uri, normal_path
from lifecycle.states import RUN_MOVES, RunStatus
from lifecycle.times import now_ms
from mlops.core import audit
from mlops.core.errors import AlreadyExists, Invalid, NotFound
from mlops.core.models import User

OPEN = frozenset(status for status, moves in RUN_MOVES.items() if moves)


class RunDetails(TypedDict, total=False):
    """What may be said of a run when it starts."""

    uid: str
    name: str
    notes: str | None
    status: RunStatus
    started_ms: int


class RunReport(TypedDict, total=False):
    """What an MLflow client says of a run that it updates."""

    status: RunStatus
    ended_ms: int | None
    name: str


class Logged(TypedDict, total=False):
    """What a run logs: points, parameters (any JSON value) and tags."""

    metrics: Iterable[Point]
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
            )
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
        with transaction.atomic():
            experiment.refuse_if_archived()
            uid = details.pop("uid", "") or uuid.uuid4().hex
            started = {"started_ms": now_ms(), "experiment": experiment}
            run, is_new = cls.objects.get_or_create(
                uid=uid, defaults={**started, "created_by": by, **details}
            )
            if not is_new:
                raise AlreadyExists(f"There is a run {uid!r} already.", field="run_id")
            audit.record("start", run, by=by, changes={"experiment": experiment.name})
        return run

    def log(self, **logged: Unpack[Logged]) -> None:
        """Store metrics, parameters and tags, all or none of them.

        Raises RunClosed once the run has ended, ParamConflict for a parameter that
        has another value already.
        """
        with transaction.atomic():
            self.hold_open()
            self.write(**logged)

    def measure(self, snapshots: Sequence[Snapshot]) -> None:
        """Log values whose steps may be left to count by themselves, as `log` does."""
        with transaction.atomic():
            self.hold_open()
            self.write(metrics=number_steps(self.pk, snapshots))

    def write(self, **logged: Unpack[Logged]) -> None:
        """Store what a run logs whatever its status; the MLflow door allows that."""
        metrics = list(logged.get("metrics", ()))
        params, tags = logged.get("params", {}), logged.get("tags", {})
        with transaction.atomic():
            keys = Key.intern([*(point.name for point in metrics), *params, *tags])
            write_points(self.pk, metrics, keys)
            write_params(self.pk, params, keys)
            write_tags(self.pk, tags, keys)

    def refer_to(self, references: Iterable[Reference], *, by: User | None) -> None:
        """Keep references to files; one to an uploaded file only says its type.

        Raises RunClosed, LocalUri or UnsafePath, or AlreadyExists when the name is
        that of an uploaded file and the URI is another.
        """
        with transaction.atomic():
            self.hold_open()
            kept = [self._refer_to(reference, by=by) for reference in references]
            if kept:
                audit.record("refer_to", self, by=by, changes={"artifacts": kept})

    def read_dataset(self, version: DatasetVersion, *, context: str = "") -> RunInput:
        """Note that the run read this version of the catalogue; twice is once."""
        dataset, _made = InputDataset.objects.get_or_create(
            experiment_id=self.experiment_id,
            name=version.dataset.name,
            digest=version.digest,
            defaults={"version": version, "source_type": "catalogue"},
        )
        dataset.link_to(version)
        tags = {"mlflow.data.context": context} if context else {}
        link, _made = RunInput.objects.get_or_create(
            run=self, dataset=dataset, defaults={"tags": tags}
        )
        return link

    def finish(
        self, status: RunStatus, *, ended_ms: int | None = None, by: User | None = None
    ) -> None:
        """End the run (or begin a scheduled one); the status it has is no move.

        Raises IllegalRunMove, or Invalid if it would end before it started.
        """
        with transaction.atomic():
            current = self._locked_status()
            if status == current and ended_ms is None:
                return
            if status not in RUN_MOVES[current]:
                raise IllegalRunMove(
                    f"A run that is {current} cannot become {status}.", field="status"
                )
            self._end(status, ended_ms)
            audit.record("finish", self, by=by, changes={"status": [current, status]})

    def report(self, *, by: User | None, **changes: Unpack[RunReport]) -> None:
        """Take a client's word for status, end and name; it may resume a run.

        This is the MLflow protocol's rule, where only a deleted run takes nothing.
        """
        with transaction.atomic():
            before = self._locked_status()
            for name, value in changes.items():
                setattr(self, name, value)
            self.save(update_fields=list(changes))
            if self.status != before:
                moved = {"status": [before, self.status]}
                audit.record("report", self, by=by, changes=moved)

    def delete_softly(self, *, by: User | None) -> None:
        """Hide the run until it is restored or purged; twice is once."""
        with transaction.atomic():
            if (
                type(self)
                .objects.filter(pk=self.pk, deleted_ms=None)
                .update(deleted_ms=now_ms())
            ):
                audit.record("delete", self, by=by)
        self.refresh_from_db(fields=["deleted_ms"])

    def restore(self, *, by: User | None) -> None:
        """Undo `delete_softly`; a living run stays as it is."""
        with transaction.atomic():
            deleted = type(self).objects.exclude(deleted_ms=None).filter(pk=self.pk)
            if deleted.update(deleted_ms=None):
                audit.record("restore", self, by=by)
        self.deleted_ms = None

    def describe(self, notes: str | None, *, by: User | None) -> None:
        """Replace the notes; they may be written after the end too."""
        with transaction.atomic():
            self.notes = notes
            self.save(update_fields=["notes"])
            audit.record("describe", self, by=by, changes={"notes": notes})

    def refuse_if_closed(self) -> None:
        """Raise RunClosed if the run has ended; nothing is locked."""
        if self.status not in OPEN:
            raise _closed(self.status)

    def hold_open(self) -> None:
        """Lock the run until the transaction ends. Raises RunClosed once it ended."""
        current = self._locked_status()
        if current not in OPEN:
            raise _closed(current)

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from start to end; None while the run goes on."""
        if self.ended_ms is None:
            return None
        return (self.ended_ms - self.started_ms) / 1000

    def _refer_to(self, reference: Reference, *, by: User | None) -> str:
        uri = label_uri(reference.uri, field="artifacts")
        path = normal_path(reference.name, field="artifacts")
        uploads = self.artifacts.filter(is_stored=True)
        if uploads.filter(path=uri).update(artifact_type=reference.artifact_type):
            return uri
        if uploads.filter(path=path).exists():
            raise AlreadyExists(
                f"{path!r} is an uploaded file of this run.", field="artifacts"
            )
        self.artifacts.update_or_create(
            path=path,
            defaults={
                "uri": uri,
                "artifact_type": reference.artifact_type,
                "size_bytes": reference.size_bytes,
                "is_stored": False,
                "created_by": by,
            },
        )
        return path

    def _locked_status(self) -> RunStatus:
        locked = type(self).objects.alive().select_for_update(of=("self",))
        run = locked.only("status").filter(pk=self.pk).first()
        if run is None:
            raise NotFound("The run was deleted.", field="run_id")
        self.status = run.status
        return RunStatus(run.status)

    def _end(self, status: RunStatus, ended_ms: int | None) -> None:
        if status not in OPEN:
            ended_ms = now_ms() if ended_ms is None else ended_ms
        if ended_ms is not None and ended_ms < self.started_ms:
            raise Invalid("A run cannot end before it starts.", field="completed_at")
        self.status, self.ended_ms = status, ended_ms
        self.save(update_fields=["status", "ended_ms"])


def _closed(status: str) -> RunClosed:
    return RunClosed(f"The run is {status}; nothing is added to it any more.")
