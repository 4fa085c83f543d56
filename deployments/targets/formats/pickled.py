"""Pickles: loading one runs its code, so an admin must have allowed it."""

import io
import pickle
from typing import Any

from deployments.targets.base import Refused
from deployments.targets.formats.base import Options
from deployments.targets.formats.code import PICKLE, missing_module, require_permission
from deployments.targets.formats.columns import ColumnModel
from deployments.targets.formats.estimators import estimator_model

try:
    from joblib import load
except ModuleNotFoundError:  # a model's own interpreter need not have it
    load = pickle.load


def read(content: bytes, options: Options) -> ColumnModel:
    require_permission(PICKLE, options.allows_code, options.environment)
    return estimator_model(_unpickled(content), options)


def _unpickled(content: bytes) -> Any:
    try:
        return load(io.BytesIO(content))
    except ModuleNotFoundError as missing:
        raise missing_module(missing) from None
    except Exception as error:  # noqa: BLE001 - a pickle may raise anything
        raise Refused(
            f"The pickle cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        ) from None
