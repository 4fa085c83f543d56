"""MLflow's signatures as tensors, and tensors as what a pyfunc takes.

https://mlflow.org/docs/latest/ml/model/signatures/: columns of named types become a
DataFrame (a dict of arrays where there is no pandas), tensors an array or a dict.
"""

import base64
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from deployments.serving.formats.base import Array
from deployments.serving.oip.datatypes import name_of
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import TargetRefused, Tensor

COLUMN_TYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
    "datetime": "BYTES",
    "object": "BYTES",
    "map": "BYTES",
    "any": "BYTES",
}
IN_JSON = {"object", "map", "any"}


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """One side of a signature; `kinds` are MLflow's types of columns, by name."""

    tensors: tuple[Tensor, ...] = ()
    kinds: Mapping[str, str] | None = None
    is_named: bool = True

    @classmethod
    def of(cls, text: str, unnamed: str) -> "ModelSchema":
        """Read it as the MLmodel has it: JSON. Raises TargetRefused.

        `unnamed` is what a nameless entry is called; of several with its place.
        """
        try:
            entries = json.loads(text) if text else []
            if not isinstance(entries, list) or not entries:
                return cls()
            is_named = all(entry.get("name") is not None for entry in entries)
            names = [
                _name(entry, place, entries, unnamed)
                for place, entry in enumerate(entries)
            ]
            if entries[0].get("type") == "tensor":
                return cls(_tensors(entries, names), is_named=is_named)
            return _of_columns(entries, names, is_named=is_named)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise TargetRefused(
                "The signature of the MLmodel cannot be read."
            ) from None

    def assembled(self, feeds: Mapping[str, Array]) -> Any:
        """Return what a pyfunc takes. Raises BadRequest."""
        if self.kinds is None:
            return dict(feeds) if self.is_named else next(iter(feeds.values()))
        if len({len(column) for column in feeds.values()}) > 1:
            raise BadRequest("All columns must have the same number of rows.")
        columns = {
            name: _column(name, feeds[name], kind)
            for name, kind in self.kinds.items()
            if name in feeds
        }
        if (pandas := _pandas()) is None:
            return columns
        frame = pandas.DataFrame(columns)
        if not self.is_named:
            frame.columns = range(len(columns))
        return frame


@cache
def _pandas() -> Any:
    return importlib.import_module("pandas") if find_spec("pandas") else None


def _tensors(entries: list[dict[str, Any]], names: list[str]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(
            name,
            name_of(np.dtype(entry["tensor-spec"]["dtype"])),
            tuple(int(size) for size in entry["tensor-spec"]["shape"]),
        )
        for name, entry in zip(names, entries, strict=True)
    )


def _of_columns(
    entries: list[dict[str, Any]], names: list[str], *, is_named: bool
) -> ModelSchema:
    tensors, kinds = [], {}
    for name, entry in zip(names, entries, strict=True):
        kind, items = entry["type"], entry
        shape: tuple[int, ...] = (-1,)
        while kind == "array":
            items, shape = items["items"], (*shape, -1)
            kind = items["type"]
        is_optional = entry.get("required") is False
        tensors.append(Tensor(name, COLUMN_TYPES[kind], shape, is_optional))
        kinds[name] = kind
    return ModelSchema(tuple(tensors), kinds, is_named)


def _name(
    entry: dict[str, Any], place: int, entries: list[dict[str, Any]], unnamed: str
) -> str:
    if (name := entry.get("name")) is not None:
        return str(name)
    return unnamed if len(entries) == 1 else f"{unnamed}_{place}"


def _column(name: str, values: Array, kind: str) -> Any:
    if values.ndim > 1:
        return list(values)
    try:
        if kind == "datetime":
            return np.array(values.tolist(), dtype="datetime64[ns]")
        if kind == "binary":
            return [base64.b64decode(value, validate=True) for value in values]
        if kind in IN_JSON:
            return [json.loads(value) for value in values]
    except (ValueError, RecursionError):
        how = {"datetime": "times in ISO 8601", "binary": "base64"}.get(kind, "JSON")
        raise BadRequest(f"The data of {name!r} must be {how}.") from None
    return values
