"""XGBoost's own files, JSON or UBJ."""

import dataclasses

import xgboost
from xgboost.core import XGBoostError

from deployments.targets.base import Refused, Tensor
from deployments.targets.formats.base import Array, Options
from deployments.targets.formats.columns import INPUT, ColumnModel


def read(content: bytes, options: Options) -> ColumnModel:
    booster = xgboost.Booster({"nthread": options.threads})
    try:
        booster.load_model(bytearray(content))
    except XGBoostError as error:
        reason = str(error).strip().split("\n")[0]
        raise Refused(f"XGBoost cannot load it: {reason[:300]}") from None
    booster.set_param({"nthread": options.threads})
    names = tuple(booster.feature_names or ())
    options = dataclasses.replace(options, feature_names=options.feature_names or names)

    def predict(rows: Array) -> Array:
        matrix = xgboost.DMatrix(rows, nthread=options.threads)
        return booster.predict(matrix, validate_features=False)

    given = Tensor(INPUT, "FP32", (-1, booster.num_features()))
    return ColumnModel("xgboost_ubj", given, {"predict": predict}, options)
