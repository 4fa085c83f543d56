"""XGBoost's own files, JSON or UBJ."""

import dataclasses

import xgboost
from xgboost.core import XGBoostError

from deployments.serving.formats.base import Array, LoadOptions
from deployments.serving.formats.first.columns import INPUT, ColumnModel
from deployments.serving.terms import TargetRefused, Tensor


def read(content: bytes, options: LoadOptions) -> ColumnModel:
    booster = xgboost.Booster({"nthread": options.threads})
    try:
        booster.load_model(bytearray(content))
    except XGBoostError as error:
        reason = str(error).strip().split("\n")[0]
        raise TargetRefused(f"XGBoost cannot load it: {reason[:300]}") from None
    booster.set_param({"nthread": options.threads})
    names = tuple(booster.feature_names or ())
    options = dataclasses.replace(options, feature_names=options.feature_names or names)

    def predict(rows: Array) -> Array:
        matrix = xgboost.DMatrix(rows, nthread=options.threads)
        return booster.predict(matrix, validate_features=False)

    given = Tensor(INPUT, "FP32", (-1, booster.num_features()))
    return ColumnModel("xgboost_ubj", given, {"predict": predict}, options)
