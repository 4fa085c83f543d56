"""Logged models (MLflow 3): create, get, finalize, tag, search, soft-delete."""

from typing import Any

from django.db import connection

from lifecycle.errors import ParamConflict
from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fastpath.runs import open_experiment
from lifecycle.mlflow.fields import Fields
from lifecycle.mlflow.limits import LOGGED_MODELS_DEFAULT, LOGGED_MODELS_MAX
from lifecycle.mlflow.messages.logged_models import (
    STATUS_OF_WIRE,
    logged_model_message,
    with_parts,
)
from lifecycle.mlflow.names import find_logged_model
from lifecycle.mlflow.run_names import random_name
from lifecycle.mlflow.search.logged_models import (
    ModelSearch,
    OnDataset,
    search_logged_models,
)
from lifecycle.models import LoggedModel
from lifecycle.store.logged_models import NewLoggedModel


def create(call: MlflowCall) -> Answer:
    fields = call.fields
    experiment_id = checks.experiment_id(fields.text("experiment_id", required=True))
    params, tags = _params(fields), _tags(fields)
    if fields.values.get("name") == "":
        raise InvalidValue("Invalid model name ('') provided. It must not be empty.")
    with connection.cursor() as cursor:
        open_experiment(cursor, experiment_id)
    new = NewLoggedModel(
        experiment_id,
        fields.text("name") or random_name(),
        model_type=fields.text("model_type"),
        run_uid=fields.text("source_run_id"),
    )
    model = LoggedModel.begin(new, by=call.by)
    model.add_params(params)
    model.set_tags(tags)
    return _shown(model.pk)


def show(call: MlflowCall) -> Answer:
    allow_deleted = call.fields.flag("allow_deleted")
    return _shown(call.path["model_id"], allow_deleted=allow_deleted)


def finish(call: MlflowCall) -> Answer:
    status = str(call.fields.values.get("status") or "")
    if status not in STATUS_OF_WIRE:
        raise checks.invalid("status", status, "It must be a logged model status.")
    model = find_logged_model(call.path["model_id"])
    model.finish(STATUS_OF_WIRE[status], by=call.by)
    return _shown(model.pk)


def delete(call: MlflowCall) -> Answer:
    find_logged_model(call.path["model_id"]).delete_softly(by=call.by)
    return NOTHING


def set_tags(call: MlflowCall) -> Answer:
    model = find_logged_model(call.path["model_id"])
    model.set_tags(_tags(call.fields))
    return _shown(model.pk)


def delete_tag(call: MlflowCall) -> Answer:
    find_logged_model(call.path["model_id"]).drop_tag(call.path["key"])
    return NOTHING


def log_params(call: MlflowCall) -> Answer:
    model = find_logged_model(call.path["model_id"])
    try:
        model.add_params(_params(call.fields))
    except ParamConflict as conflict:
        raise InvalidValue(conflict.message) from None
    return NOTHING


def search(call: MlflowCall) -> Answer:
    fields = call.fields
    found, token = search_logged_models(
        with_parts(LoggedModel.objects.all()),
        ModelSearch(
            experiments=[
                checks.experiment_id(text) for text in fields.texts("experiment_ids")
            ],
            text=fields.text("filter"),
            datasets=[_dataset(item) for item in fields.objects("datasets")],
            order=fields.objects("order_by"),
            limit=fields.limit("max_results", LOGGED_MODELS_DEFAULT, LOGGED_MODELS_MAX),
            token=fields.text("page_token"),
        ),
    )
    answer: dict[str, Any] = {}
    if found:
        answer["models"] = [logged_model_message(model) for model in found]
    if token:
        answer["next_page_token"] = token
    return answer


def _shown(model_id: str, *, allow_deleted: bool = False) -> Answer:
    rows = with_parts(LoggedModel.objects.filter(pk=model_id))
    if not allow_deleted:
        rows = rows.filter(deleted_ms=None)
    model = rows.first()
    if model is None:
        raise Missing(f"Logged model with ID '{model_id}' not found.")
    return {"model": logged_model_message(model)}


def _params(fields: Fields) -> dict[str, str]:
    return {
        checks.param_key(item.text("key", required=True), "key"): checks.param_value(
            item.text("value")
        )
        for item in fields.objects("params")
    }


def _tags(fields: Fields) -> dict[str, str]:
    return {
        checks.tag_key(item.text("key", required=True)): checks.tag_value(
            item.text("value")
        )
        for item in fields.objects("tags")
    }


def _dataset(item: Fields) -> OnDataset:
    name = item.text("dataset_name")
    if not name:
        raise InvalidValue("`dataset_name` in the `datasets` clause must be specified.")
    return OnDataset(name, item.text("dataset_digest"))
