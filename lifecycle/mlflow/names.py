"""Names of the registry as the protocol has them: usable, taken, and what they name."""

import unicodedata
from typing import Final

from lifecycle.mlflow.errors import Exists, InvalidValue, Missing
from lifecycle.models import LoggedModel, ModelVersion, RegisteredModel
from lifecycle.states import IS_PROMPT
from mlops.core import names
from mlops.core.errors import Invalid

_MAX_NAME: Final = 256
_MAX_DIGITS: Final = 9


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


def stored_name(text: str) -> str:
    """Return a name as it is stored, if anything has it."""
    return unicodedata.normalize("NFC", text).strip()


def find_model(name: str) -> RegisteredModel:
    """Return the registered model. Raises Missing."""
    model = RegisteredModel.objects.filter(name=stored_name(name)).first()
    if model is None:
        raise no_model(name)
    return model


def no_model(name: str) -> Missing:
    return Missing(f"Registered Model with name={name} not found")


def find_version(name: str, number: str) -> ModelVersion:
    """Return a version by its number, with its model. Raises Missing."""
    version = (
        ModelVersion.objects.select_related(
            "model", "run__experiment", "logged_model__experiment", "created_by"
        )
        .filter(model__name=stored_name(name), number=_number(number))
        .first()
    )
    if version is None:
        raise Missing(f"Model Version (name={name}, version={number}) not found")
    return version


def find_logged_model(model_id: str) -> LoggedModel:
    """Return the logged model that is not deleted. Raises Missing."""
    model = LoggedModel.objects.filter(pk=model_id, deleted_ms=None).first()
    if model is None:
        raise no_logged_model(model_id)
    return model


def no_logged_model(model_id: str) -> Missing:
    return Missing(f"Logged model with ID '{model_id}' not found.")


def taken(known: RegisteredModel, name: str, *, wants_prompt: bool) -> Exists:
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


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    raise InvalidValue(f"Parameter 'version' must be an integer, got '{text[:100]}'.")
