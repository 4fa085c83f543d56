"""Pickles: loading one runs its code, so an admin must have allowed it."""

import io
import pickle
import warnings
from typing import Any

from deployments.serving.code import (
    PICKLE,
    missing_module,
    require_code_allowed,
)
from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.library import LibraryModel
from deployments.serving.formats.objects import model_of, other_versions
from deployments.serving.terms import TargetRefused

try:
    from joblib import load
except ModuleNotFoundError:  # a model's own interpreter need not have it
    load = pickle.load


def read(content: bytes, options: LoadOptions) -> LibraryModel:
    require_code_allowed(PICKLE, options.allows_code, options.environment)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = _unpickled(content)
    model = model_of(made, options)
    model.notes += other_versions(caught)
    return model


def _unpickled(content: bytes) -> Any:
    try:
        return load(io.BytesIO(content))
    except ModuleNotFoundError as missing:
        raise missing_module(missing) from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a pickle may raise anything
        raise TargetRefused(
            f"The pickle cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        ) from None
