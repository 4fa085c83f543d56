"""Pickles: loading one runs its code, so an admin must have allowed it."""

import io
import pickle
from typing import Any

from deployments.serving.code import (
    PICKLE,
    missing_module,
    require_code_allowed,
)
from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.first.columns import ColumnModel
from deployments.serving.formats.first.estimators import estimator_model
from deployments.serving.terms import TargetRefused

try:
    from joblib import load
except ModuleNotFoundError:  # a model's own interpreter need not have it
    load = pickle.load


def read(content: bytes, options: LoadOptions) -> ColumnModel:
    require_code_allowed(PICKLE, options.allows_code, options.environment)
    return estimator_model(_unpickled(content), options)


def _unpickled(content: bytes) -> Any:
    try:
        return load(io.BytesIO(content))
    except ModuleNotFoundError as missing:
        raise missing_module(missing) from None
    except Exception as error:  # noqa: BLE001 - a pickle may raise anything
        raise TargetRefused(
            f"The pickle cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        ) from None
