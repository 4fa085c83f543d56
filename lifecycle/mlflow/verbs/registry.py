"""What this door may do to registered models and versions beside their own verbs."""

import json
import unicodedata
from typing import Any, Final

from django.utils import timezone

from lifecycle.mlflow.errors import Exists, InvalidValue, Missing
from lifecycle.models import (
    LoggedModel,
    LoggedModelTag,
    ModelVersion,
    RegisteredModel,
)
from mlops.core import audit, names
from mlops.core.errors import Invalid
from mlops.core.models import User

VERSIONS_TAG: Final = "mlflow.modelVersions"
IS_PROMPT: Final = "mlflow.prompt.is_prompt"
_MAX_NAME: Final = 256
_MAX_DIGITS: Final = 9
Tagged = RegisteredModel | ModelVersion


def model_name(text: str, *, field: str = "name") -> str:
    """Return a usable name of a registered model. Raises InvalidValue."""
    if not text.strip():
        raise InvalidValue(f"Missing value for required parameter '{field}'.")
    if len(text) > _MAX_NAME:
        raise InvalidValue(
            f"'{field}' exceeds the maximum length of {_MAX_NAME} characters"
        )
    if "/" in text or ":" in text:
        raise InvalidValue(
            f"Invalid model name '{text}'. Names cannot contain '/' or ':'."
        )
    try:
        return names.clean(text, field=field)
    except Invalid as invalid:
        raise InvalidValue(f"Invalid model name '{text}'. {invalid.message}") from None


def find(name: str, *, to_change: bool = False) -> RegisteredModel:
    """Return the model; `to_change` holds it until the commit. Raises Missing."""
    rows = RegisteredModel.objects.filter(
        name=unicodedata.normalize("NFC", name).strip()
    )
    model = (rows.select_for_update() if to_change else rows).first()
    if model is None:
        raise Missing(f"Registered Model with name={name} not found")
    return model


def find_version(name: str, number: str) -> ModelVersion:
    """Return a version by its number, with its model. Raises Missing."""
    known = unicodedata.normalize("NFC", name).strip()
    version = (
        ModelVersion.objects.select_related(
            "model", "run__experiment", "logged_model__experiment", "created_by"
        )
        .filter(model__name=known, number=_number(number))
        .first()
    )
    if version is None:
        raise Missing(f"Model Version (name={name}, version={number}) not found")
    return version


def create(
    name: str, *, description: str, tags: dict[str, str], by: User | None
) -> RegisteredModel:
    """Make a registered model. Raises Exists for a name that is taken."""
    clean = model_name(name)
    if known := RegisteredModel.objects.filter(name=clean).first():
        raise _taken(known, name, wants_prompt=tags.get(IS_PROMPT) == "true")
    model = RegisteredModel.create(clean, by=by)
    if description:
        model.description = description
        model.save(update_fields=["description", "updated_at"])
    for key, value in tags.items():
        model.tags.create(key=key, value=value)
    return model


def _taken(known: RegisteredModel, name: str, *, wants_prompt: bool) -> Exists:
    """Return the error for a name in use; prompts are models with a tag."""
    is_prompt = known.tags.filter(key=IS_PROMPT, value="true").exists()
    if is_prompt == wants_prompt:
        kind = "Prompt" if is_prompt else "Registered Model"
        return Exists(f"{kind} (name={name}) already exists.")
    kinds = ("registered model", "prompt")
    return Exists(
        f"Tried to create a {kinds[wants_prompt]} with name '{name}', but the name is "
        f"already taken by a {kinds[is_prompt]}."
    )


def describe(thing: Tagged, description: str, *, by: User | None) -> None:
    """Replace the description of a model or version."""
    before = thing.description
    thing.description = description
    thing.save(update_fields=["description", "updated_at"])
    audit.record(
        "describe", thing, by=by, changes={"description": [before, description]}
    )


def rename(model: RegisteredModel, name: str, *, by: User | None) -> None:
    """Raises Exists for a name in use, InvalidValue once a version was deployed.

    A deployed model's name is in the address where it is served.
    """
    clean = model_name(name, field="new_name")
    if RegisteredModel.objects.exclude(pk=model.pk).filter(name=clean).exists():
        raise Exists(f"Registered Model (name={name}) already exists.")
    if model.versions.filter(deployments__isnull=False).exists():
        raise InvalidValue("A model that was deployed keeps its name.")
    before, model.name = model.name, clean
    model.save(update_fields=["name", "updated_at"])
    audit.record("rename", model, by=by, changes={"name": [before, clean]})


def delete(thing: Tagged, *, by: User | None) -> None:
    """Remove a model with its versions, or a version; ProtectedError if deployed."""
    audit.record("delete", thing, by=by, changes={"name": str(thing)})
    if isinstance(thing, ModelVersion):
        for alias in thing.aliases.all():
            thing.model.drop_alias(alias.alias, by=by)
        touch(thing.model)
    thing.delete()


def set_tag(thing: Tagged, key: str, value: str, *, by: User | None) -> None:
    thing.tags.update_or_create(key=key, defaults={"value": value})
    touch(thing)
    audit.record("tag", thing, by=by, changes={"tags": {key: value[:500]}})


def delete_tag(thing: Tagged, key: str, *, by: User | None) -> None:
    """Remove a tag; one that is not there is no error, as in the protocol."""
    gone, _ = thing.tags.filter(key=key).delete()
    if gone:
        touch(thing)
        audit.record("untag", thing, by=by, changes={"tags": key})


def touch(thing: Tagged) -> None:
    """Note that something of the thing changed now."""
    now = timezone.now()
    type(thing).objects.filter(pk=thing.pk).update(updated_at=now)
    thing.updated_at = now


def note_version_on(model_id: str, name: str, number: int) -> None:
    """Add a version to the tag where a logged model lists its versions.

    The logged model is held, so that two that are registered at once are both told.
    """
    LoggedModel.objects.select_for_update().filter(pk=model_id).first()
    tag = LoggedModelTag.objects.filter(model_id=model_id, key=VERSIONS_TAG).first()
    listed = _listed(tag.value) if tag else []
    listed.append({"name": name, "version": number})
    LoggedModelTag.objects.update_or_create(
        model_id=model_id,
        key=VERSIONS_TAG,
        defaults={"value": json.dumps(listed)},
    )


def _listed(text: str) -> list[Any]:
    """Return the list that a tag holds; a client may have written anything else."""
    try:
        listed = json.loads(text)
    except ValueError:
        return []
    return listed if isinstance(listed, list) else []


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    raise InvalidValue(f"Parameter 'version' must be an integer, got '{text[:100]}'.")
