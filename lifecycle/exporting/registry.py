"""Registered models, versions and aliases as rows of an MLflow store."""

from typing import Any, Final

from lifecycle.exporting.target import ExportTarget
from lifecycle.exporting.tracking import (
    PAGE,
    WORKSPACE,
    model_location,
    run_location,
)
from lifecycle.importing.context import STATUS_TAG, TAG, USER_TAG
from lifecycle.importing.registry import DELETED
from lifecycle.models import ModelVersion, RegisteredModel
from lifecycle.states import ModelStage
from lifecycle.times import to_ms

STAGES: Final = {
    str(ModelStage.EXPERIMENTAL): "None",
    str(ModelStage.STAGING): "Staging",
    str(ModelStage.PRODUCTION): "Production",
    str(ModelStage.ARCHIVED): "Archived",
}

Row = dict[str, Any]


def write_models(target: ExportTarget) -> None:
    """Write the models, each with its versions and aliases."""
    for model in RegisteredModel.objects.order_by("pk").iterator(PAGE):
        target.add("registered_models", [_model(model)])
        of = {"name": model.name, "workspace": WORKSPACE}
        tags = model.tags.exclude(key__startswith=TAG)
        target.add(
            "registered_model_tags",
            ({**of, "key": one.key, "value": one.value} for one in tags),
        )
        _write_versions(target, model)
        aliases = model.aliases.select_related("version")
        target.add(
            "registered_model_aliases",
            ({**of, "alias": a.alias, "version": a.version.number} for a in aliases),
        )


def _write_versions(target: ExportTarget, model: RegisteredModel) -> None:
    versions = model.versions.select_related(
        "run__experiment", "logged_model__experiment", "created_by"
    ).prefetch_related("tags")
    highest = 0
    for version in versions.order_by("number"):
        highest = version.number
        target.add("model_versions", [_version(model, version)])
        of = {"name": model.name, "version": version.number, "workspace": WORKSPACE}
        tags = [one for one in version.tags.all() if not one.key.startswith(TAG)]
        target.add(
            "model_version_tags",
            ({**of, "key": one.key, "value": one.value} for one in tags),
        )
        if version.version != str(version.number):
            target.noted["versions whose label MLflow does not know"] += 1
    if model.next_number > highest + 1:
        target.add("model_versions", [_last_deleted(model)])


def _model(model: RegisteredModel) -> Row:
    return {
        "name": model.name,
        "creation_time": to_ms(model.created_at),
        "last_updated_time": to_ms(model.updated_at),
        "description": model.description or None,
        "workspace": WORKSPACE,
    }


def _version(model: RegisteredModel, version: ModelVersion) -> Row:
    tags = {tag.key: tag.value for tag in version.tags.all()}
    author = version.created_by.username if version.created_by else None
    run = version.run.uid if version.run else version.run_label
    source = version.source or _address(version)
    return {
        "name": model.name,
        "version": version.number,
        "creation_time": to_ms(version.created_at),
        "last_updated_time": to_ms(version.updated_at),
        "description": version.description or None,
        "user_id": tags.get(USER_TAG) or author,
        "current_stage": STAGES[version.stage],
        "source": source,
        "run_id": run or None,
        "status": tags.get(STATUS_TAG, "READY"),
        "status_message": None,
        "run_link": version.run_link or None,
        "storage_location": _address(version) or source,
        "workspace": WORKSPACE,
    }


def _address(version: ModelVersion) -> str:
    """Return where its files are in the store that is written; "" if not there."""
    if version.logged_model is not None:
        return model_location(version.logged_model)
    if version.run is not None and not version.source.startswith("mlflow-artifacts:"):
        return f"{run_location(version.run)}/{version.artifact_path}".rstrip("/")
    return version.source


def _last_deleted(model: RegisteredModel) -> Row:
    """Return what MLflow leaves of a deleted version, so that its number is taken."""
    return {
        "name": model.name,
        "version": model.next_number - 1,
        "creation_time": to_ms(model.created_at),
        "last_updated_time": to_ms(model.updated_at),
        "description": None,
        "user_id": None,
        "current_stage": DELETED,
        "source": "REDACTED-SOURCE-PATH",
        "run_id": "REDACTED-RUN-ID",
        "status": "READY",
        "status_message": None,
        "run_link": "REDACTED-RUN-LINK",
        "storage_location": None,
        "workspace": WORKSPACE,
    }
