"""Experiments as the protocol shows them."""

from collections.abc import Iterable
from typing import Any, Final

from lifecycle.mlflow.locations import experiment_location
from lifecycle.models import Experiment
from lifecycle.times import to_ms

NOTE_TAG: Final = "mlflow.note.content"


def experiment_message(experiment: Experiment) -> dict[str, Any]:
    """Return the Experiment message; tags must be prefetched with their keys."""
    message: dict[str, Any] = {
        "experiment_id": str(experiment.pk),
        "name": experiment.name,
        "artifact_location": experiment_location(
            experiment.pk, experiment.artifact_label
        ),
        "lifecycle_stage": "active" if experiment.deleted_at is None else "deleted",
        "last_update_time": to_ms(experiment.updated_at),
        "creation_time": to_ms(experiment.created_at),
    }
    if tags := _tags(experiment):
        message["tags"] = tags
    return message


def experiment_messages(experiments: Iterable[Experiment]) -> list[dict[str, Any]]:
    return [experiment_message(experiment) for experiment in experiments]


def _tags(experiment: Experiment) -> list[dict[str, str]]:
    tags = [{"key": tag.key.name, "value": tag.value} for tag in experiment.tags.all()]
    if experiment.description:
        tags.append({"key": NOTE_TAG, "value": experiment.description})
    return tags
