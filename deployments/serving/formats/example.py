"""The request that MLflow logs with a model: what is served must take it."""

import json
from typing import Any

from deployments.serving.formats.base import Array, Loaded
from deployments.serving.formats.pyfunc import PLATFORM
from deployments.serving.oip import convenience, wire
from deployments.serving.oip.errors import BadRequest, ModelFailed
from deployments.serving.terms import TargetRefused

NOT_TAKEN = "The input example that was logged with the model is not taken"
Feeds = dict[str, Array]


class OtherForm(Exception):
    """The example of a model that is code is in a form that is not taken here."""


def check(model: Loaded, stored: bytes) -> Feeds:
    """Return the inputs of the example that the model took. Raises TargetRefused.

    Objects, which only code takes, may be written otherwise there: OtherForm.
    """
    try:
        feeds = convenience.feeds(body(stored), model.inputs, model.feature_names)
        model.predict(feeds, ())
    except BadRequest as error:
        if model.platform == PLATFORM:
            raise OtherForm(f"{NOT_TAKEN}: {error}") from None
        raise _refusal(error) from None
    except ModelFailed as error:
        raise _refusal(error) from None
    return feeds


def _refusal(error: Exception) -> TargetRefused:
    return TargetRefused(
        f"{NOT_TAKEN}: {error} Log the model again with an example and a signature of "
        "the same columns."
    )


def body(stored: bytes) -> Any:
    """Return the request; what MLflow calls `inputs` may be rows of a tensor.

    Its `params` are left out: a model's parameters keep their values here.
    """
    try:
        found = wire.loads(stored)
    except json.JSONDecodeError:
        raise TargetRefused(
            "The input example that was logged with the model is not JSON."
        ) from None
    if not isinstance(found, dict):
        return found
    if isinstance(found.get("inputs"), list):
        return {"instances": found["inputs"]}
    return {name: value for name, value in found.items() if name != "params"}
