"""Column names and types that a fitted model has kept from its training.

Nothing is imported from the libraries: only attributes of models are read. The
private attributes that are read are what scikit-learn's own ColumnTransformer and
histogram gradient boosting select and encode their columns by.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deployments.serving.oip.datatypes import name_of

INSIDE = (
    "best_estimator_",
    "estimator_",
    "regressor_",
    "calibrated_classifiers_",
    "estimators_",
    "estimator",
)
"""Where estimators that wrap others keep them, once fitted."""
AS_THEY_ARE = ("SimpleImputer", "StandardScaler", "MinMaxScaler", "MaxAbsScaler")
"""Steps that give the next one the same columns, in their order."""
VECTORIZERS = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")
OF_RECORDS = ("DictVectorizer", "FeatureHasher")


@dataclass(frozen=True, slots=True)
class KnownColumn:
    """A column's type, and the values of a category.

    Of a category the library wants pandas' type of that name. `is_text` is a whole
    input of documents.
    """

    datatype: str = ""
    words: tuple[Any, ...] = ()
    is_category: bool = False
    is_text: bool = False


UNKNOWN = KnownColumn()
Columns = list[KnownColumn]


def columns_of(model: Any, width: int) -> Columns:
    """Return what a model knows of each of its columns."""
    if type(model).__name__ in VECTORIZERS:
        return [KnownColumn("BYTES", is_text=True)] * width
    for marks, read in _READ.items():
        if all(hasattr(model, mark) for mark in marks):
            return read(model, width)
    if (inner := wrapped(model)) is not None:
        return columns_of(inner, width)
    return [UNKNOWN] * width


def wrapped(model: Any) -> Any:
    """Return the estimator within one of scikit-learn's wrappers, if it is one."""
    for name in INSIDE:
        inner = getattr(model, name, None)
        while isinstance(inner, (list, np.ndarray)) and len(inner):
            inner = inner[0]
        if hasattr(inner, "get_params") or hasattr(inner, "estimator"):
            return inner
    return None


def chain(model: Any) -> Iterator[Any]:
    """Yield the model and all that it is made of, outermost first."""
    yield model
    inner = [step for _, step in getattr(model, "steps", ())]
    inner += [part for _, part in getattr(model, "transformer_list", ())]
    inner += [part for _, part, *_ in getattr(model, "transformers_", ())]
    if not inner and (one := wrapped(model)) is not None:
        inner = [one]
    for each in inner:
        if hasattr(each, "get_params") or hasattr(each, "estimator"):
            yield from chain(each)


def wants_names(model: Any) -> bool:
    """Whether a step selects its columns by name, which takes a table of them."""
    for each in chain(model):
        for _, _, columns in getattr(each, "transformers_", ()):
            listed = [columns] if isinstance(columns, str) else columns
            if any(isinstance(one, str) for one in np.atleast_1d(listed)):
                return True
    return False


def number_type(model: Any) -> str:
    """Return FP32 or FP64, as the fitted attributes are kept; empty if unknown."""
    kinds = {kind for each in chain(model) for kind in _floats(each)}
    if np.dtype(np.float32) in kinds:
        return "FP32"
    return "FP64" if kinds else ""


def _floats(estimator: Any) -> Iterator["np.dtype[Any]"]:
    for name, value in list(getattr(estimator, "__dict__", {}).items()):
        if not name.endswith("_") and name != "_fit_X":
            continue
        arrays = value if isinstance(value, list) else [value]
        for array in arrays:
            if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.ndim:
                yield array.dtype


def _of_transformer(model: Any, width: int) -> Columns:
    found = [UNKNOWN] * width
    for name, part, columns in model.transformers_:
        places = model._transformer_to_input_indices.get(name, [])  # noqa: SLF001 - see above
        if isinstance(part, str) or not len(places):
            continue
        inside = columns_of(part, len(places))
        for place, known in zip(places, inside, strict=True):
            if known.is_text and not np.isscalar(columns):
                known = KnownColumn("BYTES")  # noqa: PLW2901 - a column of a table
            found[place] = _better(
                found[place], KnownColumn("BYTES") if known.is_text else known
            )
    return found


def _of_steps(model: Any, width: int) -> Columns:
    found = [UNKNOWN] * width
    for _, step in model.steps:
        if step is None or isinstance(step, str):
            continue
        found = _merged([found, columns_of(step, width)], width)
        if type(step).__name__ not in AS_THEY_ARE:
            break
    return found


def _of_parts(model: Any, width: int) -> Columns:
    return _merged(
        [columns_of(part, width) for _, part in model.transformer_list], width
    )


def _of_imputer(model: Any, width: int) -> Columns:
    found = [_of_value(value) for value in model.statistics_]
    return found if len(found) == width else [UNKNOWN] * width


def _own_encoder(model: Any, width: int) -> Columns:
    """Return what histogram gradient boosting knows, which encodes by itself."""
    parts = getattr(model._preprocessor, "named_transformers_", {})  # noqa: SLF001 - see above
    if model.is_categorical_ is None or "encoder" not in parts:
        return [UNKNOWN] * width
    known = iter(parts["encoder"].categories_)
    return [
        _of_words(next(known), is_category=True) if each else UNKNOWN
        for each in model.is_categorical_
    ]


def _of_encoder(model: Any, width: int) -> Columns:
    if len(model.categories_) != width:
        return [UNKNOWN] * width
    return [_of_words(each) for each in model.categories_]


def _of_words(words: Any, *, is_category: bool = False) -> KnownColumn:
    array = np.asarray(words)
    plain = tuple(value for value in array.tolist() if not _is_missing(value))
    if array.dtype.kind in "OUS":
        datatype = "BYTES" if all(isinstance(one, str) for one in plain) else ""
    else:
        datatype = name_of(array.dtype)
    return KnownColumn(datatype, plain, is_category)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _of_value(value: Any) -> KnownColumn:
    return KnownColumn("BYTES") if isinstance(value, str) else UNKNOWN


def _merged(parts: Sequence[Columns], width: int) -> Columns:
    merged = [UNKNOWN] * width
    for part in parts:
        merged = [_better(*pair) for pair in zip(merged, part, strict=True)]
    return merged


def _better(one: KnownColumn, other: KnownColumn) -> KnownColumn:
    """Return the one that says more; a type is more than nothing, words more still."""
    return max(one, other, key=lambda each: (bool(each.datatype), len(each.words)))


_READ: dict[tuple[str, ...], Callable[[Any, int], Columns]] = {
    ("transformers_",): _of_transformer,
    ("steps",): _of_steps,
    ("transformer_list",): _of_parts,
    ("_preprocessor", "is_categorical_"): _own_encoder,
    ("categories_",): _of_encoder,
    ("statistics_",): _of_imputer,
}
"""How models are read that have the attributes, which only fitted ones have."""
