"""Permanent removal of what was soft-deleted: runs, logged models, experiments, files.

A soft delete hides and `restore` undoes it; after a purge the rows and bytes are gone
and an experiment's name is free. What a model version needs stays: the run or logged
model it was made from, that model's run, and so their experiment.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from lifecycle import artifacts
from lifecycle.models import Artifact, Experiment, LoggedModel, Run
from lifecycle.times import to_ms
from mlops.core.models import User

logger = logging.getLogger(__name__)

KEPT_EXPERIMENT = 0
"""The default experiment of MLflow's clients; it must exist."""


@dataclass(slots=True)
class PurgeReport:
    """Rows removed (or to be removed), and those kept because versions need them."""

    experiments: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    logged_models: list[str] = field(default_factory=list)
    size_bytes: int = 0
    kept: list[str] = field(default_factory=list)


def purge(
    before: datetime, *, by: User | None = None, dry_run: bool = False
) -> PurgeReport:
    """Remove what was deleted before the moment; return what it was.

    Each run and logged model goes in a transaction of its own, so that a purge that
    is stopped has removed whole things. The files go after the commit.
    """
    done = PurgeReport()
    for model in LoggedModel.objects.filter(_gone(before)).order_by("pk"):
        _remove(model, before, done.logged_models, done, by=by, dry_run=dry_run)
    for run in Run.objects.filter(_gone(before)).order_by("pk"):
        _remove(run, before, done.runs, done, by=by, dry_run=dry_run)
    deleted = Experiment.objects.filter(deleted_at__lt=before)
    for experiment in deleted.exclude(pk=KEPT_EXPERIMENT).order_by("pk"):
        _remove_experiment(experiment, before, done, by=by, dry_run=dry_run)
    return done


def _gone(before: datetime) -> Q:
    return Q(experiment__deleted_at__lt=before) | Q(deleted_ms__lt=to_ms(before))


def _remove(  # noqa: PLR0913 - the same for runs and logged models
    owner: Run | LoggedModel,
    before: datetime,
    removed: list[str],
    done: PurgeReport,
    *,
    by: User | None,
    dry_run: bool,
) -> None:
    """Remove one row, unless it was restored or registered since it was listed."""
    named = owner.uid if isinstance(owner, Run) else owner.pk
    with transaction.atomic():
        rows = type(owner).objects.select_related("experiment")
        held = rows.select_for_update(of=("self", "experiment"))
        if not held.filter(_gone(before), pk=owner.pk):
            return
        if _is_needed(owner):
            done.kept.append(named)
            return
        files = list(owner.artifacts.all())
        removed.append(named)
        done.size_bytes += sum(file.size_bytes for file in files)
        if not dry_run:
            _delete(owner, files, by=by)


def _delete(
    owner: Run | LoggedModel, files: list[Artifact], *, by: User | None
) -> None:
    for file in files:
        artifacts.delete(file, by=by)
    owner.erase(files=len(files), by=by)


def _is_needed(owner: Run | LoggedModel) -> bool:
    """Whether a version or a deployment needs the thing, a file or a model of it."""
    if isinstance(owner, LoggedModel):
        return owner.is_in_use()
    if owner.model_versions.exists():
        return True
    if owner.logged_models.exclude(model_versions=None):
        return True
    return any(file.is_in_use() for file in owner.artifacts.all())


def _remove_experiment(
    experiment: Experiment,
    before: datetime,
    done: PurgeReport,
    *,
    by: User | None,
    dry_run: bool,
) -> None:
    """Remove an experiment in which nothing stays, unless it was restored."""
    with transaction.atomic():
        held = Experiment.objects.select_for_update()
        if not held.filter(pk=experiment.pk, deleted_at__lt=before):
            return
        runs = experiment.runs.values_list("uid", flat=True)
        models = experiment.logged_models.values_list("pk", flat=True)
        if {*runs, *models} - {*done.runs, *done.logged_models}:
            return
        done.experiments.append(experiment.name)
        if not dry_run:
            experiment.erase(by=by)
