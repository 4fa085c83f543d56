"""What this door may do to an experiment: rename, delete with its runs, restore."""

from django.utils import timezone

from lifecycle.mlflow.errors import Exists, InvalidValue, Missing
from lifecycle.models import Experiment, Run
from lifecycle.times import now_ms
from mlops.core import audit
from mlops.core.models import User


def locked(experiment_id: int) -> Experiment:
    """Return the experiment, deleted or not, held until the commit. Raises Missing."""
    rows = Experiment.objects.select_for_update().filter(pk=experiment_id)
    experiment = rows.first()
    if experiment is None:
        raise Missing(f"No Experiment with id={experiment_id} exists")
    return experiment


def rename(experiment: Experiment, name: str, *, by: User | None) -> None:
    """Raises InvalidValue for a deleted experiment, Exists for a name in use."""
    if experiment.deleted_at is not None:
        raise InvalidValue("Cannot rename a non-active experiment.")
    before = experiment.name
    others = Experiment.objects.exclude(pk=experiment.pk)
    if others.filter(name=name).exists():
        raise Exists(f"Experiment(name={name}) already exists.")
    experiment.name = name
    experiment.save(update_fields=["name", "updated_at"])
    audit.record("rename", experiment, by=by, changes={"name": [before, name]})


def delete(experiment: Experiment, *, by: User | None) -> None:
    """Put the experiment and its runs aside. Raises Missing if it is already."""
    if experiment.deleted_at is not None:
        raise Missing(f"No Experiment with id={experiment.pk} exists")
    experiment.deleted_at = timezone.now()
    experiment.save(update_fields=["deleted_at", "updated_at"])
    Run.objects.filter(experiment=experiment).update(deleted_ms=now_ms())
    audit.record("delete", experiment, by=by)


def restore(experiment: Experiment, *, by: User | None) -> None:
    """Bring the experiment and its runs back. Raises Missing if it is not deleted."""
    if experiment.deleted_at is None:
        raise Missing(f"No deleted Experiment with id={experiment.pk} exists")
    experiment.deleted_at = None
    experiment.save(update_fields=["deleted_at", "updated_at"])
    Run.objects.filter(experiment=experiment).update(deleted_ms=None)
    audit.record("restore", experiment, by=by)
