"""Models that are code: whether they may run, and what they lack to do so."""

import sys

from deployments.serving.terms import TargetRefused

PICKLE, FOLDER = "a Python pickle", "an MLflow python_function folder"


def require_code_allowed(what: str, allows_code: bool, environment: str) -> None:  # noqa: FBT001 - the rule itself
    """Raise Refused unless the environment's rule allows formats that run code."""
    if not allows_code:
        raise TargetRefused(
            f"The artifact is {what}, which runs code when it is loaded, and the rule "
            f"'allows formats that run code' of the environment {environment!r} is "
            "off. Export the model as ONNX or skops, or have an admin switch it on."
        )


def missing_module(missing: ModuleNotFoundError) -> TargetRefused:
    """Return the refusal of a model that imports what is not installed."""
    return TargetRefused(
        f"The model needs the Python module {missing.name!r}, which the interpreter "
        f"{sys.executable} has not. Install it there, or have an admin name another "
        "interpreter in the environment's rule."
    )
