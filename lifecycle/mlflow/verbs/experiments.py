"""An experiment's own verbs, with the refusals that the protocol's clients expect."""

from lifecycle.mlflow.default import DEFAULT_ID, ensure_default
from lifecycle.mlflow.errors import Exists, InvalidValue, Missing
from lifecycle.models import Experiment
from mlops.core.errors import AlreadyExists
from mlops.core.models import User


def locked(experiment_id: int) -> Experiment:
    """Return the experiment, deleted or not, held until the commit. Raises Missing.

    The default one is made on first use.
    """
    if experiment_id == DEFAULT_ID:
        ensure_default()
    rows = Experiment.objects.select_for_update().filter(pk=experiment_id)
    experiment = rows.first()
    if experiment is None:
        raise Missing(f"No Experiment with id={experiment_id} exists")
    return experiment


def rename(experiment: Experiment, name: str, *, by: User | None) -> None:
    """Raises InvalidValue for a deleted experiment, Exists for a name in use."""
    if experiment.deleted_at is not None:
        raise InvalidValue("Cannot rename a non-active experiment.")
    try:
        experiment.rename(name, by=by)
    except AlreadyExists:
        raise Exists(f"Experiment(name={name}) already exists.") from None


def delete(experiment: Experiment, *, by: User | None) -> None:
    """Soft-delete the experiment with its runs. Raises Missing if it is deleted."""
    if experiment.deleted_at is not None:
        raise Missing(f"No Experiment with id={experiment.pk} exists")
    experiment.delete_softly(by=by)


def restore(experiment: Experiment, *, by: User | None) -> None:
    """Bring it back with its runs. Raises Missing if it is not deleted."""
    if experiment.deleted_at is None:
        raise Missing(f"No deleted Experiment with id={experiment.pk} exists")
    experiment.restore(by=by)
