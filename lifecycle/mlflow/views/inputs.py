"""Inputs and outputs of a run: datasets and logged models."""

from typing import Any

import orjson
from django.db import connection

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fastpath.runs import writable_run
from lifecycle.mlflow.fields import Fields, missing
from lifecycle.mlflow.limits import (
    MAX_DATASET_DIGEST,
    MAX_DATASET_NAME,
    MAX_DATASET_PROFILE,
    MAX_DATASET_SCHEMA,
    MAX_DATASET_SOURCE,
    MAX_DATASETS_PER_BATCH,
    MAX_INPUT_TAG_KEY,
    MAX_INPUT_TAG_VALUE,
)
from lifecycle.models import LoggedModel, RunTag
from lifecycle.models.inputs import note_read
from lifecycle.store import inputs, logged, runs
from lifecycle.store.inputs import NamedDataset

_HISTORY_TAG = "mlflow.log-model.history"
_MODEL_FIELDS = {"artifact_path", "flavors", "utc_time_created", "run_id"}
_MAX_SOURCE_TYPE = 36


def log_inputs(call: MlflowCall) -> Answer:
    """Store a run's inputs; a dataset that the catalogue knows is linked to it."""
    run_id = checks.run_id(call.fields.text("run_id", required=True))
    datasets = [
        _dataset(item, f"datasets[{position}]")
        for position, item in enumerate(call.fields.objects("datasets"))
    ]
    if len(datasets) > MAX_DATASETS_PER_BATCH:
        raise InvalidValue(
            f"A request can contain at most {MAX_DATASETS_PER_BATCH} datasets."
        )
    models = [item.text("model_id", required=True) for item in _models(call.fields)]
    with connection.cursor() as cursor:
        run, experiment = writable_run(cursor, run_id)
        for dataset in datasets:
            note_read(cursor, run, experiment, dataset)
        inputs.read_models(cursor, run, _known_models(models))
    return NOTHING


def log_outputs(call: MlflowCall) -> Answer:
    """Store a run's output models; idempotent."""
    run_id = call.fields.text("run_id", required=True)
    call.fields.array("models", required=True)
    steps = {
        item.text("model_id", required=True): item.integer("step") or 0
        for item in _models(call.fields)
    }
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        _known_models(list(steps))
        inputs.made_models(cursor, run, steps)
    return NOTHING


def log_model(call: MlflowCall) -> Answer:
    """Keep the history of logged models as 2.x clients do: in a tag of the run."""
    run_id = call.fields.text("run_id", required=True)
    text = call.fields.text("model_json", required=True)
    model = _model_of(text)
    with connection.cursor() as cursor:
        run, _ = writable_run(cursor, run_id)
        runs.lock(cursor, run)  # of two models at once both are in the history
        old = RunTag.objects.filter(run_id=run, key__name=_HISTORY_TAG).first()
        history = _history_of(old.value) if old else []
        value = orjson.dumps([*history, model]).decode()
        logged.write(cursor, run, labels={_HISTORY_TAG: value})
    return NOTHING


def _history_of(text: str) -> list[Any]:
    """Return what the tag lists. Raises InvalidValue where a client wrote no list."""
    try:
        listed = orjson.loads(text)
    except orjson.JSONDecodeError:
        listed = None
    if not isinstance(listed, list):
        raise InvalidValue(f"The tag {_HISTORY_TAG} of the run is no JSON list.")
    return listed


def _model_of(text: str) -> dict[str, Any]:
    try:
        model = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidValue(
            f"Malformed model info. \n {text[:500]} \n is not a valid JSON."
        ) from None
    if not isinstance(model, dict) or (absent := _MODEL_FIELDS - model.keys()):
        absent = absent if isinstance(model, dict) else _MODEL_FIELDS
        raise InvalidValue(f"Model json is missing mandatory fields: {absent}")
    return model


def _models(fields: Fields) -> list[Fields]:
    return fields.objects("models")


def _known_models(ids: list[str]) -> list[str]:
    """Return the ids once each, sorted. Raises Missing for one that is not there."""
    wanted = sorted(set(ids))
    known = set(LoggedModel.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    for model in wanted:
        if model not in known:
            raise Missing(f"Logged model with ID '{model}' not found.")
    return wanted


def _dataset(item: Fields, path: str) -> NamedDataset:
    value = item.values.get("dataset")
    if not isinstance(value, dict):
        raise missing(f"{path}.dataset")
    fields = Fields(value)
    return NamedDataset(
        name=_sized(fields, "name", MAX_DATASET_NAME, required=True),
        digest=_sized(fields, "digest", MAX_DATASET_DIGEST, required=True),
        source_type=fields.text("source_type")[:_MAX_SOURCE_TYPE],
        source=_sized(fields, "source", MAX_DATASET_SOURCE),
        schema=_sized(fields, "schema", MAX_DATASET_SCHEMA),
        profile=_sized(fields, "profile", MAX_DATASET_PROFILE),
        tags=_input_tags(item),
    )


def _sized(fields: Fields, name: str, limit: int, *, required: bool = False) -> str:
    return checks.short(fields.text(name, required=required), name, limit)


def _input_tags(item: Fields) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in item.objects("tags"):
        key, value = tag.text("key", required=True), tag.text("value")
        checks.short(key, "key", MAX_INPUT_TAG_KEY)
        checks.short(value, "value", MAX_INPUT_TAG_VALUE)
        tags[key] = value
    return tags
