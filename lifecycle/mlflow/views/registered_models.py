"""Registered models: make, show, change, find; their tags and aliases."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import Exists, InvalidValue, Missing
from lifecycle.mlflow.fields import Fields
from lifecycle.mlflow.limits import REGISTERED_MODELS_DEFAULT, REGISTERED_MODELS_MAX
from lifecycle.mlflow.messages.registry import (
    STAGE_OF_WIRE,
    VersionRow,
    model_message,
    rows_of,
    version_messages,
)
from lifecycle.mlflow.names import (
    find_model,
    find_version,
    model_name,
    taken,
)
from lifecycle.mlflow.search.registry import search_models
from lifecycle.models import ModelVersion, RegisteredModel
from lifecycle.states import IS_PROMPT, ModelStage
from mlops.core.errors import AlreadyExists


def create(call: MlflowCall) -> Answer:
    fields = call.fields
    name, tags = fields.text("name", required=True), read_tags(fields)
    clean = model_name(name)
    if known := RegisteredModel.objects.filter(name=clean).first():
        raise taken(known, name, wants_prompt=tags.get(IS_PROMPT) == "true")
    model = RegisteredModel.create(
        clean, by=call.by, description=fields.text("description"), tags=tags
    )
    return _shown(model)


def show(call: MlflowCall) -> Answer:
    return _shown(_named(call))


def update(call: MlflowCall) -> Answer:
    model = _named(call)
    if call.fields.has("description"):
        model.describe(call.fields.text("description"), by=call.by)
    return _shown(model)


def rename(call: MlflowCall) -> Answer:
    model = _named(call)
    name = call.fields.text("new_name", required=True)
    try:
        model.rename(model_name(name, field="new_name"), by=call.by)
    except AlreadyExists:
        raise Exists(f"Registered Model (name={name}) already exists.") from None
    return _shown(model)


def delete(call: MlflowCall) -> Answer:
    _named(call).remove(by=call.by)
    return NOTHING


def search(call: MlflowCall) -> Answer:
    fields = call.fields
    found, token = search_models(
        RegisteredModel.objects.select_related("created_by").prefetch_related(
            "tags", "aliases__version"
        ),
        text=fields.text("filter"),
        order_by=fields.texts("order_by"),
        limit=fields.limit(
            "max_results", REGISTERED_MODELS_DEFAULT, REGISTERED_MODELS_MAX
        ),
        token=fields.text("page_token"),
    )
    latest = _latest([model.pk for model in found])
    answer: dict[str, Any] = {}
    if found:
        answer["registered_models"] = [
            model_message(model, latest[model.pk]) for model in found
        ]
    if token:
        answer["next_page_token"] = token
    return answer


def latest_versions(call: MlflowCall) -> Answer:
    """Return the newest version in each stage, or in the stages asked for."""
    model = _named(call)
    wanted = {stage_of(text) for text in call.fields.texts("stages")}
    found = [
        version
        for version in _latest([model.pk])[model.pk]
        if not wanted or version.stage in wanted
    ]
    return {"model_versions": version_messages(found)} if found else {}


def set_tag(call: MlflowCall) -> Answer:
    model = _named(call)
    key = checks.tag_key(call.fields.text("key", required=True))
    value = checks.registry_tag_value(call.fields.text("value"))
    model.set_tag(key, value, by=call.by)
    return NOTHING


def delete_tag(call: MlflowCall) -> Answer:
    key = checks.tag_key(call.fields.text("key", required=True))
    _named(call).drop_tag(key, by=call.by)
    return NOTHING


def set_alias(call: MlflowCall) -> Answer:
    fields = call.fields
    alias = fields.text("alias", required=True)
    version = find_version(
        fields.text("name", required=True), fields.text("version", required=True)
    )
    version.model.set_alias(alias, version, by=call.by)
    return NOTHING


def show_alias(call: MlflowCall) -> Answer:
    """Return the version that an alias points to; `latest` is the newest."""
    model = _named(call)
    alias = call.fields.text("alias", required=True)
    versions = rows_of(ModelVersion.objects.filter(model=model))
    if alias.lower() == "latest":
        found = versions.order_by("-number").first()
        if found is None:
            raise Missing(f"Latest version not found for model {model.name}.")
    else:
        found = versions.filter(aliases__alias=alias).first()
    if found is None:
        raise InvalidValue(f"Registered model alias {alias} not found.")
    return {"model_version": version_messages([found])[0]}


def drop_alias(call: MlflowCall) -> Answer:
    alias = call.fields.text("alias", required=True)
    _named(call).drop_alias(alias, by=call.by)
    return NOTHING


def read_tags(fields: Fields) -> dict[str, str]:
    """Return the registry tags of a request. Raises InvalidValue."""
    return {
        checks.tag_key(tag.text("key", required=True)): checks.registry_tag_value(
            tag.text("value")
        )
        for tag in fields.objects("tags")
    }


def stage_of(text: str) -> ModelStage:
    """Return our stage for one of the protocol's four words. Raises InvalidValue."""
    stage = STAGE_OF_WIRE.get(text.lower())
    if stage is None:
        raise InvalidValue(
            f"Invalid Model Version stage: {text}. Value must be one of None, Staging,"
            " Production, Archived."
        )
    return stage


def _named(call: MlflowCall) -> RegisteredModel:
    return find_model(call.fields.text("name", required=True))


def _shown(model: RegisteredModel) -> Answer:
    return {"registered_model": model_message(model, _latest([model.pk])[model.pk])}


def _latest(models: Iterable[int]) -> dict[int, list[VersionRow]]:
    """Return the newest version of each stage, per model."""
    newest = (
        ModelVersion.objects.filter(model__in=list(models))
        .annotate(
            place=Window(
                RowNumber(),
                partition_by=[F("model_id"), F("stage")],
                order_by=F("number").desc(),
            )
        )
        .filter(place=1)
        .values("pk")
    )
    found: dict[int, list[VersionRow]] = defaultdict(list)
    versions = ModelVersion.objects.filter(pk__in=newest).order_by("number")
    for version in rows_of(versions):
        found[version.model_id].append(version)
    return found
