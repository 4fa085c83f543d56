"""Registered models and their versions as the protocol shows them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import QuerySet

from lifecycle.mlflow.locations import model_location, run_location
from lifecycle.models import ModelVersion, RegisteredModel
from lifecycle.states import ModelStage
from lifecycle.times import to_ms

Message = dict[str, Any]
STAGE_OF_WIRE: Final = {
    "none": ModelStage.EXPERIMENTAL,
    "staging": ModelStage.STAGING,
    "production": ModelStage.PRODUCTION,
    "archived": ModelStage.ARCHIVED,
}
WIRE_OF_STAGE: Final = {
    str(ModelStage.EXPERIMENTAL): "None",
    str(ModelStage.STAGING): "Staging",
    str(ModelStage.PRODUCTION): "Production",
    str(ModelStage.ARCHIVED): "Archived",
}


def with_parts(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """Return the versions with all that their messages need, in three queries."""
    return versions.select_related("model", "run", "created_by").prefetch_related(
        "tags", "aliases"
    )


def version_message(version: ModelVersion) -> Message:
    message: Message = {
        "name": version.model.name,
        "version": str(version.number),
        "creation_timestamp": to_ms(version.created_at),
        "last_updated_timestamp": to_ms(version.updated_at),
        "current_stage": WIRE_OF_STAGE[version.stage],
        "description": version.description,
        "source": version.source or _own_source(version),
        "run_id": version.run.uid if version.run else version.run_label,
        "status": "READY",
        "run_link": version.run_link,
    }
    if version.created_by:
        message["user_id"] = version.created_by.username
    if version.logged_model_id:
        message["model_id"] = version.logged_model_id
    if tags := _tags(version.tags.all()):
        message["tags"] = tags
    if aliases := [alias.alias for alias in version.aliases.all()]:
        message["aliases"] = aliases
    return message


def model_message(model: RegisteredModel, latest: Sequence[ModelVersion]) -> Message:
    """Return the RegisteredModel message; `latest` has the newest of each stage.

    For a list of models, `tags` and `aliases__version` must be prefetched.
    """
    message: Message = {
        "name": model.name,
        "creation_timestamp": to_ms(model.created_at),
        "last_updated_timestamp": to_ms(model.updated_at),
        "description": model.description,
    }
    if model.created_by:
        message["user_id"] = model.created_by.username
    if latest:
        message["latest_versions"] = [version_message(version) for version in latest]
    if tags := _tags(model.tags.all()):
        message["tags"] = tags
    if aliases := [
        {"alias": alias.alias, "version": str(alias.version.number)}
        for alias in model.aliases.all()
    ]:
        message["aliases"] = aliases
    return message


def download_uri(version: ModelVersion) -> str:
    """Return where a client finds the version's files: with us, or its label."""
    if version.logged_model is not None:
        model = version.logged_model
        label = model.experiment.artifact_label
        return model_location(model.experiment_id, model.pk, label)
    if version.run is not None and _is_of_run(version):
        run = version.run
        root = run_location(run.experiment_id, run.uid, run.experiment.artifact_label)
        return f"{root}/{version.artifact_path}".rstrip("/")
    return version.source


def _is_of_run(version: ModelVersion) -> bool:
    """Return whether the source is of ours: a remote label stays what it is."""
    source = version.source
    return not source or source.startswith(("runs:", "mlflow-artifacts:", "models:"))


def _own_source(version: ModelVersion) -> str:
    """Return a source for a version that was made by REST, from its run."""
    if version.logged_model_id:
        return f"models:/{version.logged_model_id}"
    if version.run is None:
        return version.artifact_path
    return f"runs:/{version.run.uid}/{version.artifact_path}".rstrip("/")


def _tags(rows: Iterable[Any]) -> list[dict[str, str]]:
    return [{"key": tag.key, "value": tag.value} for tag in rows]
