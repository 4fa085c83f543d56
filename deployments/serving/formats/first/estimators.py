"""Fitted scikit-learn estimators, wherever they were read from."""

import dataclasses
from typing import Any

from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.first.columns import INPUT, ColumnModel
from deployments.serving.oip.errors import ModelFailed
from deployments.serving.terms import TargetRefused, Tensor

PLATFORM = "sklearn_sklearn"


def estimator_model(estimator: Any, options: LoadOptions) -> ColumnModel:
    """Return a fitted scikit-learn estimator as a model. Raises TargetRefused."""
    if not hasattr(estimator, "predict"):
        raise TargetRefused(f"A {type(estimator).__name__} has no predict method.")
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
        raise TargetRefused(f"It cannot predict a row of zeros: {error}") from None
    model.estimator = estimator
    return model
