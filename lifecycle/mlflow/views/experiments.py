"""Experiments: make, show, find, change, delete, restore; their tags."""

from typing import Any

from lifecycle.mlflow import checks
from lifecycle.mlflow.default import DEFAULT_ID, DEFAULT_NAME, ensure_default
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import Exists, InvalidValue, Missing
from lifecycle.mlflow.fields import Fields
from lifecycle.mlflow.limits import SEARCH_DEFAULT, SEARCH_MAX
from lifecycle.mlflow.locations import remote_label
from lifecycle.mlflow.messages.experiments import (
    NOTE_TAG,
    experiment_message,
    experiment_messages,
)
from lifecycle.mlflow.search.experiments import search_experiments
from lifecycle.mlflow.verbs import experiments as verbs
from lifecycle.models import Experiment, InputDataset

_VIEWS = {"1": "ACTIVE_ONLY", "2": "DELETED_ONLY", "3": "ALL"}
_MAX_DATASET_EXPERIMENTS = 20
_MAX_SUMMARIES = 1000


def create(call: MlflowCall) -> Answer:
    """Make an experiment; its artifacts are kept here, or at a remote label."""
    fields = call.fields
    name = checks.experiment_name(fields.text("name", required=True))
    label = fields.text("artifact_location")
    tags = _tags(fields)
    if label:
        label = remote_label(label, field="artifact_location")
    if Experiment.objects.filter(name=name).exists():
        raise Exists(f"Experiment(name={name}) already exists.")
    experiment = Experiment.create(
        name,
        by=call.by,
        description=tags.pop(NOTE_TAG, ""),
        artifact_label=label,
        tags=tags,
    )
    return {"experiment_id": str(experiment.pk)}


def show(call: MlflowCall) -> Answer:
    pk = checks.experiment_id(call.fields.text("experiment_id", required=True))
    if pk == DEFAULT_ID:
        ensure_default()
    found = Experiment.objects.filter(pk=pk).prefetch_related("tags__key").first()
    if found is None:
        raise Missing(f"No Experiment with id={pk} exists")
    return {"experiment": experiment_message(found)}


def show_by_name(call: MlflowCall) -> Answer:
    name = call.fields.text("experiment_name", required=True)
    if name == DEFAULT_NAME:
        ensure_default()
    found = Experiment.objects.filter(name=name).prefetch_related("tags__key").first()
    if found is None:
        raise Missing(f"Could not find experiment with name '{name}'")
    return {"experiment": experiment_message(found)}


def search(call: MlflowCall) -> Answer:
    fields = call.fields
    ensure_default()
    found, token = search_experiments(
        view=view_type(fields.values.get("view_type")),
        text=fields.text("filter"),
        order_by=fields.texts("order_by"),
        limit=fields.limit("max_results", SEARCH_DEFAULT, SEARCH_MAX),
        token=fields.text("page_token"),
    )
    answer: dict[str, Any] = {}
    if found:
        answer["experiments"] = experiment_messages(found)
    if token:
        answer["next_page_token"] = token
    return answer


def rename(call: MlflowCall) -> Answer:
    pk = checks.experiment_id(call.fields.text("experiment_id", required=True))
    name = checks.experiment_name(call.fields.text("new_name", required=True))
    verbs.rename(verbs.locked(pk), name, by=call.by)
    return NOTHING


def delete(call: MlflowCall) -> Answer:
    pk = checks.experiment_id(call.fields.text("experiment_id", required=True))
    verbs.delete(verbs.locked(pk), by=call.by)
    return NOTHING


def restore(call: MlflowCall) -> Answer:
    pk = checks.experiment_id(call.fields.text("experiment_id", required=True))
    verbs.restore(verbs.locked(pk), by=call.by)
    return NOTHING


def set_tag(call: MlflowCall) -> Answer:
    experiment = _active(call)
    name = checks.tag_key(call.fields.text("key", required=True))
    value = checks.experiment_tag_value(call.fields.text("value"))
    if name == NOTE_TAG:
        experiment.change(by=call.by, description=value)
    else:
        experiment.set_tags({name: value}, by=call.by)
    return NOTHING


def delete_tag(call: MlflowCall) -> Answer:
    experiment = _active(call)
    name = call.fields.text("key", required=True)
    if name == NOTE_TAG and experiment.description:
        experiment.change(by=call.by, description="")
        return NOTHING
    if not experiment.delete_tag(name, by=call.by):
        raise Missing(f"No tag with name: {name} in experiment with id {experiment.pk}")
    return NOTHING


def search_datasets(call: MlflowCall) -> Answer:
    """Return the datasets that runs of some experiments read, with what for."""
    ids = call.fields.texts("experiment_ids")
    if not ids:
        raise InvalidValue(
            "SearchDatasets request must specify at least one experiment_id."
        )
    if len(ids) > _MAX_DATASET_EXPERIMENTS:
        raise InvalidValue(
            "SearchDatasets request cannot specify more than "
            f"{_MAX_DATASET_EXPERIMENTS} experiment_ids. Received {len(ids)} "
            "experiment_ids."
        )
    rows = (
        InputDataset.objects.filter(
            experiment_id__in=[checks.experiment_id(text) for text in ids],
            uses__isnull=False,
        )
        .order_by("pk")
        .values_list("experiment_id", "name", "digest", "uses__tags")
    )
    summaries: dict[tuple[str, ...], dict[str, str]] = {}
    for experiment_id, name, digest, tags in rows[: _MAX_SUMMARIES * 10]:
        summary = {"experiment_id": str(experiment_id), "name": name, "digest": digest}
        if context := (tags or {}).get("mlflow.data.context"):
            summary["context"] = context
        summaries.setdefault(tuple(summary.values()), summary)
    return {"dataset_summaries": list(summaries.values())[:_MAX_SUMMARIES]}


def view_type(value: object) -> str:
    """Return ACTIVE_ONLY, DELETED_ONLY or ALL, given by name or number."""
    text = str(value) if value not in (None, "") else "ACTIVE_ONLY"
    name = _VIEWS.get(text, text)
    if name not in _VIEWS.values():
        raise checks.invalid("view_type", value, "")
    return name


def _tags(fields: Fields) -> dict[str, str]:
    return {
        checks.tag_key(tag.text("key", required=True)): checks.experiment_tag_value(
            tag.text("value")
        )
        for tag in fields.objects("tags")
    }


def _active(call: MlflowCall) -> Experiment:
    pk = checks.experiment_id(call.fields.text("experiment_id", required=True))
    experiment = verbs.locked(pk)
    if experiment.deleted_at is not None:
        raise InvalidValue(
            f"The experiment {pk} must be in the 'active' state. "
            "Current state is deleted."
        )
    return experiment
