"""scikit-learn models in skops files: types are checked against a list of ours.

A file is a tree of objects that are made without `__init__` and given their state.
What is allowed does nothing while it is made but take that state, or, of XGBoost and
LightGBM, read a model with the library's own reader, which bare files of theirs reach
too. Methods of allowed objects are not allowed: skops names each by itself.
"""

import io
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import skops.io

from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.first.skops import ALLOWED as FIRST
from deployments.serving.formats.library import LibraryModel
from deployments.serving.formats.objects import model_of, other_versions
from deployments.serving.terms import TargetRefused

ALLOWED = FIRST | {
    # Plain data.
    "collections.OrderedDict",
    "collections.defaultdict",
    "numpy.dtype",
    "builtins.bytearray",
    "builtins.bytes",
    "builtins.type",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn._loss._loss.CyHalfTweedieLoss",
    "sklearn._loss._loss.CyHalfTweedieLossIdentity",
    "sklearn.cluster._bisect_k_means._BisectingTree",
    # Functions without effects, which estimators keep among their settings.
    "functools.partial",
    "numpy.mean",
    "numpy.median",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "sklearn.cluster._kmeans._kmeans_single_lloyd",
    "sklearn.cluster._kmeans._kmeans_single_elkan",
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.utils.validation.check_array",
    "sklearn.metrics._classification.accuracy_score",
    "sklearn.metrics._classification.balanced_accuracy_score",
    "sklearn.metrics._regression.r2_score",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.model_selection._classification_threshold._CurveScorer",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.RepeatedKFold",
    "sklearn.model_selection._split.RepeatedStratifiedKFold",
    "sklearn.model_selection._split.ShuffleSplit",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.model_selection._split.StratifiedShuffleSplit",
    "sklearn.model_selection._split.TimeSeriesSplit",
    "sklearn.utils._bunch.Bunch",
    # What is served from files of its own anyway.
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMModel",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBModel",
    "xgboost.sklearn.XGBRanker",
    "xgboost.sklearn.XGBRegressor",
    "xgboost.sklearn.XGBRFClassifier",
    "xgboost.sklearn.XGBRFRegressor",
}

MOST_SCHEMA = 256 << 20


def needed(content: bytes) -> list[str]:
    """Return the modules that the file's types are of, and that tables take."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = archive.getinfo("schema.json")
            schema = archive.read(entry) if entry.file_size < MOST_SCHEMA else b""
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, OSError):
        return []
    own = [
        name for name in ("lightgbm", "xgboost") if b'"%b.' % name.encode() in schema
    ]
    return ["pandas", *own]


def read(content: bytes, options: LoadOptions) -> LibraryModel:
    untrusted = set(_attempt(skops.io.get_untrusted_types, data=content))
    if unknown := sorted(untrusted - ALLOWED):
        raise TargetRefused(
            "The skops file contains types that are not on the allow-list: "
            + ", ".join(unknown[:5])
            + ". Export the model as ONNX (skl2onnx.to_onnx), or save it with joblib "
            "for an environment whose rule allows formats that run code."
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = _attempt(skops.io.loads, content, trusted=sorted(untrusted))
    model = model_of(made, options)
    model.notes += other_versions(caught)
    return model


def _attempt(step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return step(*args, **kwargs)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - skops raises what the file provokes
        raise TargetRefused(f"The skops file is damaged: {str(error)[:300]}") from None
