"""Querysets of runs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Prefetch, Value
from django.db.models.functions import Coalesce

from lifecycle.models.experiment import Experiment
from lifecycle.models.inputs import RunInput
from lifecycle.models.metric import LatestMetric
from lifecycle.models.param import Param, RunTag
from mlops.core.errors import NotFound

if TYPE_CHECKING:
    from lifecycle.models.run import Run


class RunQuerySet(models.QuerySet["Run"]):
    def alive(self) -> Self:
        """Runs that are not deleted, nor is their experiment."""
        return self.filter(deleted_ms=None, experiment__deleted_at=None)

    def alive_among_all(self) -> Self:
        """As `alive`, for a question that has to read every run.

        SQLite would walk the index of the living and look each row up apart: four
        times as dear as one look along the table.
        """
        gone = Experiment.objects.exclude(deleted_at=None)
        alive = self.alias(gone_ms=Coalesce("deleted_ms", Value(-1))).filter(gone_ms=-1)
        return alive.exclude(experiment__in=gone)

    def whole(self) -> Self:
        """Runs with all that they logged, in one query for each kind of row."""
        return self.select_related("experiment", "created_by").prefetch_related(
            Prefetch("params", Param.objects.select_related("key").order_by("pk")),
            Prefetch("latest_metrics", LatestMetric.objects.newest()),
            Prefetch("tags", RunTag.objects.select_related("key").order_by("pk")),
            "artifacts",
            Prefetch(
                "inputs",
                RunInput.objects.select_related("dataset__version__dataset").order_by(
                    "pk"
                ),
            ),
        )

    def latest_of(self, experiments: Iterable[Experiment]) -> "dict[int, Run]":
        """Return the runs that `with_latest_run` found, by id, with their metrics."""
        pks = [pk for one in experiments if (pk := one.latest_run_id)]
        metrics = Prefetch("latest_metrics", LatestMetric.objects.newest())
        runs = self.filter(pk__in=pks).prefetch_related(metrics)
        return {run.pk: run for run in runs}

    def find(self, uid: str) -> "Run":
        """Return the living run with this id. Raises NotFound."""
        run = self.alive().select_related("experiment").filter(uid=uid).first()
        if run is None:
            raise NotFound(f"There is no run {uid!r}.", field="run_id")
        return run
