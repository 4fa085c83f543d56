"""Versions of registered models: register, show, change, move, find."""

from typing import Any

from django.db import connection

from lifecycle.mlflow import checks
from lifecycle.mlflow.door import NOTHING, Answer, Call
from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.hot.versions import Described, locked_model, register
from lifecycle.mlflow.limits import VERSIONS_DEFAULT, VERSIONS_MAX
from lifecycle.mlflow.messages.registry import (
    download_uri,
    shown,
    version_message,
    version_messages,
)
from lifecycle.mlflow.search.registry import search_versions
from lifecycle.mlflow.sources import resolve
from lifecycle.mlflow.verbs import registry as verbs
from lifecycle.mlflow.views.registered_models import read_tags, stage_of
from lifecycle.models import ModelVersion
from lifecycle.states import ModelStage

_ACTIVE = {ModelStage.STAGING, ModelStage.PRODUCTION}
_MAX_LINK = 500


def create(call: Call) -> Answer:
    """Register a version of a model that is there, from a source that is checked."""
    fields = call.fields
    name = fields.text("name", required=True)
    text = fields.text("source", required=True)
    tags = read_tags(fields)
    with connection.cursor() as cursor:
        model = locked_model(cursor, name)
        source = resolve(
            cursor, text, run_id=fields.text("run_id"), model_id=fields.text("model_id")
        )
        version = register(
            cursor,
            model,
            source,
            Described(
                run_link=fields.text("run_link")[:_MAX_LINK],
                description=fields.text("description"),
                tags=tags,
            ),
            by=call.by,
        )
    if version.logged_model_id:
        verbs.note_version_on(version.logged_model_id, name, version.number)
    pairs = [{"key": key, "value": value} for key, value in tags.items()]
    return {"model_version": version_message(version, pairs, [])}


def show(call: Call) -> Answer:
    return {"model_version": shown(_named(call))}


def update(call: Call) -> Answer:
    version = _named(call)
    if call.fields.has("description"):
        verbs.describe(version, call.fields.text("description"), by=call.by)
        verbs.touch(version.model)
    return {"model_version": shown(version)}


def delete(call: Call) -> Answer:
    verbs.delete(_named(call), by=call.by)
    return NOTHING


def search(call: Call) -> Answer:
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


def show_download_uri(call: Call) -> Answer:
    return {"artifact_uri": download_uri(_named(call))}


def move(call: Call) -> Answer:
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
    verbs.touch(version.model)
    return {"model_version": shown(version)}


def set_tag(call: Call) -> Answer:
    version = _named(call)
    key = checks.tag_key(call.fields.text("key", required=True))
    value = checks.registry_tag_value(call.fields.text("value"))
    verbs.set_tag(version, key, value, by=call.by)
    return NOTHING


def delete_tag(call: Call) -> Answer:
    key = checks.tag_key(call.fields.text("key", required=True))
    verbs.delete_tag(_named(call), key, by=call.by)
    return NOTHING


def _named(call: Call) -> ModelVersion:
    return verbs.find_version(
        call.fields.text("name", required=True),
        call.fields.text("version", required=True),
    )
