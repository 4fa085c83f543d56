"""LightGBM's text files."""

import dataclasses

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError

from deployments.serving.formats.base import Array, LoadOptions
from deployments.serving.formats.first.columns import INPUT, ColumnModel
from deployments.serving.terms import TargetRefused, Tensor

END = b"end of trees"


def read(content: bytes, options: LoadOptions) -> ColumnModel:
    # LightGBM takes half a file for a model with fewer trees.
    if END not in content:
        raise TargetRefused(
            "The LightGBM file is cut off: it does not end with its trees."
        )
    try:
        booster = lightgbm.Booster(model_str=content.decode())
    except (LightGBMError, UnicodeDecodeError) as error:
        raise TargetRefused(f"LightGBM cannot load it: {str(error)[:300]}") from None
    names = tuple(booster.feature_name())
    options = dataclasses.replace(options, feature_names=options.feature_names or names)

    def predict(rows: Array) -> Array:
        return np.asarray(booster.predict(rows, num_threads=options.threads))

    given = Tensor(INPUT, "FP64", (-1, booster.num_feature()))
    return ColumnModel("lightgbm_text", given, {"predict": predict}, options)
