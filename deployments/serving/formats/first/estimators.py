"""Fitted scikit-learn estimators, wherever they were read from."""

import dataclasses
from typing import Any

from deployments.serving.formats.base import Options
from deployments.serving.formats.first.columns import INPUT, ColumnModel
from deployments.serving.oip.errors import ModelFailed
from deployments.serving.terms import Refused, Tensor

PLATFORM = "sklearn_sklearn"


def estimator_model(estimator: Any, options: Options) -> ColumnModel:
    """Return a fitted scikit-learn estimator as a model. Raises Refused."""
    if not hasattr(estimator, "predict"):
        raise Refused(f"A {type(estimator).__name__} has no predict method.")
    names = tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
    options = dataclasses.replace(options, feature_names=options.feature_names or names)
    outputs = {"predict": estimator.predict}
    if hasattr(estimator, "predict_proba"):
        outputs["predict_proba"] = estimator.predict_proba
    width = getattr(estimator, "n_features_in_", -1)
    given = Tensor(INPUT, "FP64", (-1, int(width)))
    try:
        model = ColumnModel(PLATFORM, given, outputs, options)
    except ModelFailed as error:
        raise Refused(f"It cannot predict a row of zeros: {error}") from None
    model.estimator = estimator
    return model
