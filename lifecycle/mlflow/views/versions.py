"""Versions of registered models: register, show, change, move, find."""

from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.fields import Fields
from lifecycle.mlflow.limits import VERSIONS_DEFAULT, VERSIONS_MAX
from lifecycle.mlflow.messages.registry import (
    VersionRow,
    download_uri,
    shown,
    version_message,
    version_messages,
)
from lifecycle.mlflow.names import find_version, no_model, stored_name
from lifecycle.mlflow.search.registry import search_versions
from lifecycle.mlflow.sources import VersionSource, resolve
from lifecycle.mlflow.views.registered_models import read_tags, stage_of
from lifecycle.models import ModelVersion, servable
from lifecycle.states import ModelStage
from lifecycle.store import registered_models, registration
from lifecycle.store.registered_models import LockedModel
from lifecycle.store.registration import NewVersion, Registered
from mlops.core.errors import NotFound

_ACTIVE = {ModelStage.STAGING, ModelStage.PRODUCTION}
_MAX_LINK = 500


def create(call: MlflowCall) -> Answer:
    """Register a version of a model that is there, from a source that is checked."""
    fields = call.fields
    name = fields.text("name", required=True)
    text = fields.text("source", required=True)
    tags = read_tags(fields)
    with connection.cursor() as cursor:
        model = _locked_model(cursor, name)
        source = resolve(
            cursor, text, run_id=fields.text("run_id"), model_id=fields.text("model_id")
        )
        new = _new(source, fields, tags)
        made = registration.register(cursor, model, new, by=call.caller.user_id)
    pairs = [{"key": key, "value": value} for key, value in tags.items()]
    row = _row(call, model, made, new, source)
    return {"model_version": version_message(row, pairs, [])}


def show(call: MlflowCall) -> Answer:
    return {"model_version": shown(_named(call))}


def update(call: MlflowCall) -> Answer:
    version = _named(call)
    if call.fields.has("description"):
        version.describe(call.fields.text("description"), by=call.by)
    return {"model_version": shown(version)}


def delete(call: MlflowCall) -> Answer:
    _named(call).remove(by=call.by)
    return NOTHING


def search(call: MlflowCall) -> Answer:
    fields = call.fields
    found, token = search_versions(
        text=fields.text("filter"),
        order_by=fields.texts("order_by"),
        limit=fields.limit("max_results", VERSIONS_DEFAULT, VERSIONS_MAX),
        token=fields.text("page_token"),
    )
    answer: dict[str, Any] = {}
    if found:
        answer["model_versions"] = version_messages(found)
    if token:
        answer["next_page_token"] = token
    return answer


def show_download_uri(call: MlflowCall) -> Answer:
    return {"artifact_uri": download_uri(_named(call))}


def move(call: MlflowCall) -> Answer:
    """Move to a stage by the registry's own rules: production needs an approval."""
    fields = call.fields
    stage = stage_of(fields.text("stage", required=True))
    archives = fields.flag("archive_existing_versions")
    if archives and stage not in _ACTIVE:
        raise InvalidValue(
            "Model version transition cannot archive existing model versions because "
            f"'{fields.text('stage')}' is not an Active stage. Valid stages are "
            "Staging, Production"
        )
    version = _named(call)
    version.move_to_stage(stage, by=call.by)
    if archives:
        others = ModelVersion.objects.filter(model=version.model, stage=stage)
        for other in others.exclude(pk=version.pk).select_related("model"):
            other.move_to_stage(
                ModelStage.ARCHIVED, by=call.by, reason=f"replaced by {version.number}"
            )
    return {"model_version": shown(version)}


def set_tag(call: MlflowCall) -> Answer:
    version = _named(call)
    key = checks.tag_key(call.fields.text("key", required=True))
    value = checks.registry_tag_value(call.fields.text("value"))
    version.set_tag(key, value, by=call.by)
    return NOTHING


def delete_tag(call: MlflowCall) -> Answer:
    key = checks.tag_key(call.fields.text("key", required=True))
    _named(call).drop_tag(key, by=call.by)
    return NOTHING


def _named(call: MlflowCall) -> ModelVersion:
    return find_version(
        call.fields.text("name", required=True),
        call.fields.text("version", required=True),
    )


def _locked_model(cursor: CursorWrapper, name: str) -> LockedModel:
    try:
        return registered_models.find(cursor, stored_name(name))
    except NotFound:
        raise no_model(name) from None


def _new(source: VersionSource, fields: Fields, tags: dict[str, str]) -> NewVersion:
    """Return the version to register, with the artifact its source resolves to."""
    file = servable.pin(source.run, source.model_id or None, source.path)
    return NewVersion(
        artifact=file.pk if file else None,
        run=source.run,
        run_label=source.run_label,
        logged_model=source.model_id or None,
        artifact_path=source.path,
        framework=servable.framework_of(file),
        source=source.text,
        run_link=fields.text("run_link")[:_MAX_LINK],
        description=fields.text("description"),
        tags=tags,
    )


def _row(
    call: MlflowCall,
    model: LockedModel,
    made: Registered,
    new: NewVersion,
    source: VersionSource,
) -> VersionRow:
    """Return the version as a search would find it, without asking for it again."""
    return VersionRow(
        pk=made.id,
        model_id=model.pk,
        model__name=model.name,
        number=made.number,
        created_at=made.at,
        updated_at=made.at,
        stage=ModelStage.EXPERIMENTAL,
        description=new.description,
        source=new.source,
        artifact_path=new.artifact_path,
        run__uid=source.run_uid or None,
        run_label=new.run_label or made.logged_by,
        run_link=new.run_link,
        logged_model_id=new.logged_model,
        created_by__username=call.by.username if call.by else None,
    )
