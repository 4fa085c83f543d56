"""Logged models: begin one, finish it, describe it, put it aside."""

import uuid
from typing import Final

from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.run_names import random_name
from lifecycle.models import (
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
    Run,
)
from lifecycle.states import LoggedModelStatus
from lifecycle.times import now_ms
from mlops.core import audit
from mlops.core.models import User

_FORBIDDEN: Final = ("/", ":", ".", "%", '"', "'")
_MAX_NAME: Final = 500


def model_name(text: str) -> str:
    """Return a usable name, or a made-up one for none. Raises InvalidValue."""
    if any(char in text for char in _FORBIDDEN) or len(text) > _MAX_NAME:
        raise InvalidValue(
            f"Invalid model name ({text[:100]!r}) provided. Model name must be a "
            "non-empty string and cannot contain the following characters: "
            f"{_FORBIDDEN}"
        )
    return text or random_name()


def begin(
    experiment_id: int, name: str, *, model_type: str, run_id: str, by: User | None
) -> LoggedModel:
    """Make a pending logged model; a run that is not here stays a label."""
    run = Run.objects.filter(uid=run_id).first() if run_id else None
    at = now_ms()
    model = LoggedModel.objects.create(
        id=f"m-{uuid.uuid4().hex}",
        experiment_id=experiment_id,
        name=model_name(name),
        source_run=run,
        source_run_label="" if run else run_id[:256],
        model_type=model_type[:_MAX_NAME],
        created_by=by,
        created_ms=at,
        updated_ms=at,
    )
    audit.record("begin", model, by=by, changes={"run": run_id})
    return model


def find(model_id: str) -> LoggedModel:
    """Return the living model, held until the commit. Raises Missing."""
    rows = LoggedModel.objects.select_for_update(of=("self",))
    model = rows.filter(pk=model_id, deleted_ms=None).first()
    if model is None:
        raise Missing(f"Logged model with ID '{model_id}' not found.")
    return model


def finish(model: LoggedModel, status: LoggedModelStatus, *, by: User | None) -> None:
    before, model.status = model.status, status
    _touch(model, "status")
    audit.record("finish", model, by=by, changes={"status": [before, str(status)]})


def delete(model: LoggedModel, *, by: User | None) -> None:
    """Put the model aside until it is purged."""
    model.deleted_ms = now_ms()
    _touch(model, "deleted_ms")
    audit.record("delete", model, by=by)


def set_tags(model: LoggedModel, tags: dict[str, str]) -> None:
    LoggedModelTag.objects.bulk_create(
        [LoggedModelTag(model=model, key=k, value=v) for k, v in sorted(tags.items())],
        update_conflicts=True,
        unique_fields=["model", "key"],
        update_fields=["value"],
    )
    _touch(model)


def delete_tag(model: LoggedModel, key: str) -> None:
    """Raises Missing for a tag that is not there."""
    gone, _ = model.tags.filter(key=key).delete()
    if not gone:
        raise Missing(f"No tag with key {key!r} found for model with ID {model.pk!r}.")
    _touch(model)


def add_params(model: LoggedModel, params: dict[str, str]) -> None:
    """Store parameters, written once. Raises InvalidValue for another value."""
    known = dict(model.params.filter(key__in=params).values_list("key", "value"))
    for key, value in params.items():
        if known.get(key, value) != value:
            raise InvalidValue(
                f"Changing param values is not allowed. Param with key='{key}' was "
                f"already logged with value='{known[key]}' for model ID='{model.pk}'."
            )
    LoggedModelParam.objects.bulk_create(
        LoggedModelParam(model=model, key=key, value=value)
        for key, value in sorted(params.items())
        if key not in known
    )
    _touch(model)


def _touch(model: LoggedModel, *fields: str) -> None:
    model.updated_ms = now_ms()
    model.save(update_fields=[*fields, "updated_ms"])
