"""Pickles: loading one runs its code, so an admin must have allowed it."""

import io

import joblib

from deployments.targets.base import Refused
from deployments.targets.formats.base import Options
from deployments.targets.formats.columns import ColumnModel
from deployments.targets.formats.estimators import estimator_model


def read(content: bytes, options: Options) -> ColumnModel:
    if not options.allows_code:
        raise Refused(
            "The artifact is a Python pickle, which runs code when it is loaded. "
            "Export the model as ONNX or skops, or have an admin allow formats that "
            "run code in this environment."
        )
    try:
        estimator = joblib.load(io.BytesIO(content))
    except Exception as error:  # noqa: BLE001 - a pickle may raise anything
        raise Refused(
            f"The pickle cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        ) from None
    return estimator_model(estimator, options)
