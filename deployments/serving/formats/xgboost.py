"""XGBoost's own files, JSON or UBJ, answered by the class that saved them.

A wrapper of scikit-learn's kind leaves `_estimator_type` in the file, and the library
itself knows what else the file says: the best iteration of early stopping, which
wrappers use and a Booster does not, classes, and the words of categories.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import xgboost
from xgboost.core import XGBoostError

from deployments.serving import readings
from deployments.serving.formats.answers import OUTPUT
from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.estimators import estimator_model
from deployments.serving.formats.fitted_columns import UNKNOWN, Columns, KnownColumn
from deployments.serving.formats.library import LibraryModel, Method, version_note
from deployments.serving.formats.rows import INPUT, inferred, signed
from deployments.serving.formats.schema import ModelSchema
from deployments.serving.terms import TargetRefused

PLATFORM = "xgboost_ubj"
NUMBER = "FP32"
"""What XGBoost turns every number into, whatever it is given."""
CLASSES = {
    name: getattr(xgboost, name)
    for name in (
        "Booster",
        "XGBClassifier",
        "XGBRegressor",
        "XGBRanker",
        "XGBRFClassifier",
        "XGBRFRegressor",
    )
}
OF_TYPE = {
    "classifier": "XGBClassifier",
    "regressor": "XGBRegressor",
    "ranker": "XGBRanker",
}
_UBJ = re.compile(rb"version\[#L.{8}((?:[iU].|I..|l....){3})", re.DOTALL)
_JSON = re.compile(rb'"version"\s*:\s*\[(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\]')
WITH_WORDS = (3, 1)
"""The first version whose files keep the words of categories."""


def needed(content: bytes) -> list[str]:
    """Return the modules that reading categories takes."""
    return ["pyarrow", "pandas"] if b"values" in content else []


def read(content: bytes, options: LoadOptions) -> LibraryModel:
    booster = xgboost.Booster({"nthread": options.threads})
    _load(booster, content)
    kind = _class_of(booster, options)
    if kind is not xgboost.Booster:
        booster = kind(n_jobs=options.threads)
        _load(booster, content)
    model = model_of(booster, options)
    wrote = _written_by(content)
    model.notes += version_note("xgboost", ".".join(map(str, wrote)))
    if (
        wrote
        and wrote[:2] < WITH_WORDS
        and "c" in (_plain(booster).feature_types or ())
    ):
        model.notes.append(
            f"XGBoost {wrote[0]}.{wrote[1]} kept no words of categories in the file: "
            "send the codes that training used, or save the model with 3.1 or newer."
        )
    return model


def model_of(made: Any, options: LoadOptions) -> LibraryModel:
    """Return a Booster or a wrapper as a model. Raises TargetRefused."""
    booster = _plain(made)
    booster.set_param({"nthread": options.threads})
    known = _columns(booster, options.reading)
    if made is not booster:
        model = estimator_model(made, options, known, _checked)
    else:
        model = _booster_model(booster, known, options)
    model.platform = PLATFORM
    return model


def _booster_model(
    booster: xgboost.Booster, known: Columns, options: LoadOptions
) -> LibraryModel:
    names = tuple(booster.feature_names or ())
    schema = ModelSchema.of(options.manifest.inputs, INPUT)
    if schema.tensors:
        rows = signed(schema, known, names, keeps_unknown=True)
    else:
        rows = inferred(
            known, names or options.feature_names, number=NUMBER, keeps_unknown=True
        )

    def predict(given: Any) -> Any:
        matrix = xgboost.DMatrix(
            given, nthread=options.threads, enable_categorical=True
        )
        return booster.predict(matrix, validate_features=False)

    declared = ModelSchema.of(options.manifest.outputs, OUTPUT).tensors
    model = LibraryModel(PLATFORM, rows, {OUTPUT: predict}, options, declared)
    if (best := booster.attr("best_iteration")) is not None:
        rounds = booster.num_boosted_rounds()
        if int(best) + 1 < rounds:
            model.notes.append(
                f"Training stopped early at round {best}; a Booster predicts with all "
                f"{rounds} rounds, here as in the notebook."
            )
    return model


def _checked(method: Callable[..., Any]) -> Method:
    """Return a wrapper's method that minds names where the rows have any."""
    return lambda given: method(given, validate_features=hasattr(given, "columns"))


def _class_of(booster: xgboost.Booster, options: LoadOptions) -> Any:
    """Return the class that the MLmodel names, else the one that saved the file."""
    if named := options.manifest.model_class:
        name = named.rpartition(".")[2]
        if not named.startswith("xgboost.") or name not in CLASSES:
            raise TargetRefused(
                f"The MLmodel says that the model is a {named}, which is not one of "
                "XGBoost's own classes. Log its Booster (model.get_booster()) instead, "
                "or serve it as an MLflow python_function."
            )
        return CLASSES[name]
    try:
        saved = json.loads(booster.attr("scikit_learn") or "{}")
    except ValueError:
        saved = {}
    return CLASSES[OF_TYPE.get(saved.get("_estimator_type", ""), "Booster")]


def _load(model: Any, content: bytes) -> None:
    try:
        model.load_model(bytearray(content))
    except XGBoostError as error:
        reason = str(error).strip().split("\n")[0]
        raise TargetRefused(f"XGBoost cannot load it: {reason[:300]}") from None


def _plain(model: Any) -> xgboost.Booster:
    return model if isinstance(model, xgboost.Booster) else model.get_booster()


def _columns(booster: xgboost.Booster, reading: int) -> Columns:
    known = [KnownColumn(NUMBER)] * booster.num_features()
    for place, (name, words) in enumerate(_categories(booster)):
        if words is not None and place < len(known):
            if reading >= readings.WHOLE_WORDS:
                _require_whole(name, words)
            plain = tuple(words.to_pylist())
            kind = "BYTES" if all(isinstance(one, str) for one in plain) else "INT64"
            if any(isinstance(one, float) for one in plain):
                kind = "FP64"
            known[place] = KnownColumn(kind, plain, is_category=True)
    return known or [UNKNOWN]


def _require_whole(name: str, words: Any) -> None:
    """Raise TargetRefused for categories that are words and not ASCII.

    XGBoost measures words in characters and cuts them by bytes (3.1 and 3.2), in the
    file and in what is asked: what it keeps of them are pieces of several words.
    """
    if words.type == "string" and any(
        not word.isascii() for word in words.cast("binary").to_pylist()
    ):
        raise TargetRefused(
            "XGBoost keeps words of categories whole only where they are ASCII, and "
            f"the column '{name}' has others; the file has pieces of them. Train with "
            "ASCII words or whole numbers as categories."
        )


def _categories(booster: xgboost.Booster) -> list[tuple[str, Any]]:
    if "c" not in (booster.feature_types or ()):
        return []
    found = booster.get_categories(export_to_arrow=True)
    return [] if found.empty() else list(found.to_arrow())


def _written_by(content: bytes) -> tuple[int, ...]:
    """Return the version that wrote the file, () if it does not say."""
    if found := _JSON.findall(content[-(1 << 12) :]) or _JSON.findall(content[:1024]):
        return tuple(map(int, found[-1]))
    if found := _UBJ.findall(content):
        numbers, text = [], found[-1]
        sizes = {ord("i"): 1, ord("U"): 1, ord("I"): 2, ord("l"): 4}
        while text:
            size = sizes[text[0]]
            numbers.append(int.from_bytes(text[1 : 1 + size], "big"))
            text = text[1 + size :]
        return tuple(numbers)
    return ()
