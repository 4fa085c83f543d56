"""LightGBM's text files, and its models that other files hold.

A text file is a Booster's: it holds the trees up to the best iteration and answers as
`Booster.predict`; what a scikit-learn wrapper adds, such as labels, is not in it.
"""

import re
from typing import Any

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError

from deployments.serving.formats.answers import OUTPUT
from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.estimators import estimator_model
from deployments.serving.formats.fitted_columns import UNKNOWN, Columns, KnownColumn
from deployments.serving.formats.library import LibraryModel
from deployments.serving.formats.rows import INPUT, inferred, signed
from deployments.serving.formats.schema import ModelSchema
from deployments.serving.terms import TargetRefused

PLATFORM = "lightgbm_text"
NUMBER = "FP64"
END = "end of trees"
_PLACES = re.compile(r"^\[categorical_feature: ([\d,]*)\]$", re.MULTILINE)


def needed(content: bytes) -> list[str]:
    """Return the modules that asking by categories takes."""
    return ["pandas"] if b"pandas_categorical:[[" in content else []


def read(content: bytes, options: LoadOptions) -> LibraryModel:
    # LightGBM takes half a file for a model with fewer trees.
    if END.encode() not in content:
        raise TargetRefused(
            "The LightGBM file is cut off: it does not end with its trees."
        )
    try:
        booster = lightgbm.Booster(model_str=content.decode())
    except (LightGBMError, UnicodeDecodeError) as error:
        raise TargetRefused(f"LightGBM cannot load it: {str(error)[:300]}") from None
    named = options.manifest.model_class
    if named and named != "lightgbm.basic.Booster":
        raise TargetRefused(
            f"The MLmodel says that the model is a {named}, but its file holds a "
            "Booster, without what that class adds. Log the model again with mlflow."
        )
    return model_of(booster, options)


def model_of(made: Any, options: LoadOptions) -> LibraryModel:
    """Return a Booster or a wrapper as a model. Raises TargetRefused."""
    if isinstance(made, lightgbm.Booster):
        return _booster_model(made, options)
    made.set_params(n_jobs=options.threads)
    model = estimator_model(made, options, _columns(made.booster_))
    model.platform = PLATFORM
    return model


def _booster_model(booster: lightgbm.Booster, options: LoadOptions) -> LibraryModel:
    known = _columns(booster)
    names = tuple(booster.feature_name())
    schema = ModelSchema.of(options.manifest.inputs, INPUT)
    if schema.tensors:
        rows = signed(schema, known, names)
    else:
        rows = inferred(known, options.feature_names or names, number=NUMBER)

    def predict(given: Any) -> Any:
        return np.asarray(booster.predict(given, num_threads=options.threads))

    declared = ModelSchema.of(options.manifest.outputs, OUTPUT).tensors
    return LibraryModel(PLATFORM, rows, {OUTPUT: predict}, options, declared)


def _columns(booster: lightgbm.Booster) -> Columns:
    """Return what the file says of its columns. Raises TargetRefused.

    The words of categories are listed without their columns, which are those that
    training took for categories; where the numbers differ they are unknown.
    """
    known = [KnownColumn(NUMBER)] * booster.num_feature()
    listed = list(booster.pandas_categorical or ())
    if not listed:
        return known or [UNKNOWN]
    found = _PLACES.findall(booster.model_to_string(num_iteration=1))
    places = [int(one) for one in (found[-1] if found else "").split(",") if one]
    if len(places) != len(listed):
        raise TargetRefused(
            f"The LightGBM file has the words of {len(listed)} categories and does not "
            "say which columns they belong to. Let training find the categories by "
            "pandas' type of that name (categorical_feature='auto'), or export the "
            "model as ONNX."
        )
    for place, words in zip(sorted(places), listed, strict=True):
        kind = "BYTES" if all(isinstance(one, str) for one in words) else "INT64"
        if any(isinstance(one, float) for one in words):
            kind = "FP64"
        known[place] = KnownColumn(kind, tuple(words), is_category=True)
    return known
