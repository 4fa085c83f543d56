"""Removing for good what was deleted: runs, logged models, experiments, their files.

Deletion hides and `restore` brings back; after a purge the rows, the bytes and the
hold on an experiment's name are gone. What a model version stands on stays: the run
or logged model it was made from, and so their experiment.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from lifecycle import artifacts
from lifecycle.models import Experiment, LoggedModel, Run
from lifecycle.times import to_ms
from mlops.core import audit
from mlops.core.models import User

logger = logging.getLogger(__name__)

KEPT_EXPERIMENT = 0
"""The default experiment of MLflow's clients; it must exist."""


@dataclass(slots=True)
class Purged:
    """What was removed (or would be), and what stays because versions stand on it."""

    experiments: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    logged_models: list[str] = field(default_factory=list)
    size_bytes: int = 0
    kept: list[str] = field(default_factory=list)


def purge(before: datetime, *, by: User | None = None, dry_run: bool = False) -> Purged:
    """Remove what was deleted before the moment; return what it was.

    Each run and logged model goes in a transaction of its own, so that a purge that
    is stopped has removed whole things. The files go after the commit.
    """
    done = Purged()
    gone = Q(experiment__deleted_at__lt=before) | Q(deleted_ms__lt=to_ms(before))
    for model in LoggedModel.objects.filter(gone).order_by("pk"):
        _remove(model, done.logged_models, done, by=by, dry_run=dry_run)
    for run in Run.objects.filter(gone).order_by("pk"):
        _remove(run, done.runs, done, by=by, dry_run=dry_run)
    for experiment in _emptied(before, done):
        done.experiments.append(experiment.name)
        if not dry_run:
            with transaction.atomic():
                audit.record("purge", experiment, by=by)
                experiment.delete()
    return done


def _remove(
    home: Run | LoggedModel,
    removed: list[str],
    done: Purged,
    *,
    by: User | None,
    dry_run: bool,
) -> None:
    named = home.uid if isinstance(home, Run) else home.pk
    if _is_stood_on(home):
        done.kept.append(named)
        return
    files = list(home.artifacts.all())
    removed.append(named)
    done.size_bytes += sum(file.size_bytes for file in files)
    if dry_run:
        return
    with transaction.atomic():
        for file in files:
            artifacts.delete(file, by=by)
        audit.record("purge", home, by=by, changes={"files": len(files)})
        home.delete()


def _is_stood_on(home: Run | LoggedModel) -> bool:
    """Whether a model version or a deployment needs the thing or a file of it."""
    if home.model_versions.exists():
        return True
    return any(file.is_in_use() for file in home.artifacts.all())


def _emptied(before: datetime, done: Purged) -> Iterable[Experiment]:
    """Return deleted experiments in which nothing stays."""
    stays = set(done.kept)
    deleted = Experiment.objects.filter(deleted_at__lt=before)
    for experiment in deleted.exclude(pk=KEPT_EXPERIMENT).order_by("pk"):
        runs = experiment.runs.values_list("uid", flat=True)
        models = experiment.logged_models.values_list("pk", flat=True)
        if not stays.intersection([*runs, *models]):
            yield experiment
