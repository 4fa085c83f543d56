"""Validation of keys, values and names (MLflow utils/validation.py)."""

import posixpath
import re
from functools import lru_cache
from typing import Final

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.fields import shown
from lifecycle.mlflow.limits import (
    MAX_EXPERIMENT_NAME,
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_KEY,
    MAX_PARAM_VALUE,
    MAX_REGISTRY_TAG_VALUE,
    MAX_TAG_VALUE,
)

RUN_ID: Final = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_EXPERIMENT_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
EXPERIMENT_ID: Final = re.compile(r"[a-zA-Z0-9][\w\-]{0,63}")
_KEY: Final = re.compile(r"[/\w.\- :]*")
_CHARACTERS: Final = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), "
    "spaces ( ), colon(:) and slashes (/)."
)


@lru_cache(maxsize=20_000)
def key_fault(key: str) -> str:
    """Return what is wrong with a key, or ""."""
    if not _KEY.fullmatch(key):
        return _CHARACTERS
    plain = posixpath.normpath(key)
    if plain != key or plain == "." or plain.startswith(("..", "/")):
        return (
            "Names may be treated as files in certain cases, and must not resolve to "
            "other names when treated as such. This name would resolve to "
            f"{plain!r}"
        )
    return ""


def key(value: str, path: str) -> str:
    """Return a usable key of a metric, parameter or tag. Raises InvalidValue."""
    if fault := key_fault(value):
        raise invalid(path, value, fault)
    return value


def metric_key(value: str, path: str) -> str:
    return short(key(value, path), "Metric name", MAX_KEY)


def param_key(value: str, path: str) -> str:
    return short(key(value, path), "Param key", MAX_KEY)


def tag_key(value: str, path: str = "key") -> str:
    return short(key(value, path), path, MAX_KEY)


def param_value(value: str) -> str:
    """Return the value, cut where the client's own server cuts it."""
    return value[:MAX_PARAM_VALUE]


def tag_value(value: str) -> str:
    return value[:MAX_TAG_VALUE]


def experiment_tag_value(value: str) -> str:
    return short(value, "value", MAX_EXPERIMENT_TAG_VALUE)


def registry_tag_value(value: str) -> str:
    return short(value, "value", MAX_REGISTRY_TAG_VALUE)


def experiment_name(value: str) -> str:
    """Return a usable experiment name; `/` is legal here. Raises InvalidValue."""
    if len(value) > MAX_EXPERIMENT_NAME:
        raise InvalidValue(
            f"'name' exceeds the maximum length of {MAX_EXPERIMENT_NAME} characters"
        )
    if not value.strip():
        raise InvalidValue(f"Invalid experiment name: {value!r}")
    return value


def experiment_id(value: str) -> int:
    """Return the number of an experiment; nobody has a negative one.

    Raises InvalidValue for other text.
    """
    if _EXPERIMENT_NUMBER.fullmatch(value):
        return int(value)
    raise InvalidValue(
        f"Invalid experiment ID '{value[:100]}'. Experiment ID must be a valid integer."
    )


def run_id(value: str) -> str:
    if not RUN_ID.fullmatch(value):
        raise invalid("run_id", value, "")
    return value


def short(value: str, name: str, limit: int) -> str:
    if len(value) > limit:
        raise InvalidValue(f"'{name}' exceeds the maximum length of {limit} characters")
    return value


def invalid(path: str, value: object, message: str) -> InvalidValue:
    end = f": {message}" if message else "."
    return InvalidValue(
        f"Invalid value {shown(value)} for parameter '{path}' supplied{end}"
    )
