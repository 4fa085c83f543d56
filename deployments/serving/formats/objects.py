"""Objects loaded from a file, called as their own libraries call them."""

import importlib
from collections.abc import Iterable
from typing import Any

from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.estimators import estimator_model
from deployments.serving.formats.library import NAMES, LibraryModel, version_note

OWN = {"xgboost": "xgboost", "lightgbm": "lightgbm"}


def model_of(made: Any, options: LoadOptions) -> LibraryModel:
    """Return what predicts as the object's own class does. Raises TargetRefused."""
    model = _model_of(made, options)
    flavor, wrote = options.manifest.flavor, options.manifest.version
    if flavor in NAMES:
        model.notes += version_note(flavor, wrote)
    return model


def _model_of(made: Any, options: LoadOptions) -> LibraryModel:
    library = type(made).__module__.partition(".")[0]
    if library in OWN:
        own = importlib.import_module(f"{__package__}.{OWN[library]}")
        model: LibraryModel = own.model_of(made, options)
        return model
    return estimator_model(made, options)


def other_versions(caught: Iterable[Any]) -> list[str]:
    """Return what scikit-learn's own warnings say of the version that wrote a file."""
    for each in caught:
        if wrote := getattr(each.message, "original_sklearn_version", ""):
            return version_note("sklearn", str(wrote))
    return []
