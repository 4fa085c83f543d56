"""Conversion of request tensors to the argument of a library's `predict`."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from deployments.serving.formats.base import Array, synthetic_inputs
from deployments.serving.formats.fitted_columns import UNKNOWN, Columns, KnownColumn
from deployments.serving.formats.schema import ModelSchema
from deployments.serving.terms import Tensor

INPUT = "input"


class ModelRows(Protocol):
    """`feature_names` are the columns of a single wide input, empty if unknown."""

    @property
    def tensors(self) -> tuple[Tensor, ...]: ...

    @property
    def feature_names(self) -> tuple[str, ...]: ...

    def assembled(self, feeds: Mapping[str, Array]) -> Any:
        """Return what the library takes. Raises BadRequest."""

    def samples(self) -> list[dict[str, Array]]:
        """Return made-up requests of one row; a model may not take all of them."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """One tensor, given as an array, or as a table for steps that select by name."""

    given: Tensor
    feature_names: tuple[str, ...] = ()
    as_table: bool = False

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.given,)

    def assembled(self, feeds: Mapping[str, Array]) -> Any:
        array = feeds[self.given.name]
        if not self.as_table:
            return array
        # By columns, as tables that were read from a file lie in memory.
        columns = list(self.feature_names)
        return pandas().DataFrame(np.asfortranarray(array), columns=columns)

    def samples(self) -> list[dict[str, Array]]:
        row = synthetic_inputs(self.tensors)
        return [row, {name: np.ones_like(array) for name, array in row.items()}]


@dataclass(frozen=True, slots=True)
class Texts:
    """One tensor of documents."""

    given: Tensor
    feature_names: tuple[str, ...] = ()

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.given,)

    def assembled(self, feeds: Mapping[str, Array]) -> Any:
        return feeds[self.given.name]

    def samples(self) -> list[dict[str, Array]]:
        return [{self.given.name: np.array(["a word"], dtype=np.object_)}]


@dataclass(frozen=True, slots=True)
class FrameRows:
    """A tensor for each column, given as a DataFrame.

    `known` has the columns whose words the model knows; where the library wants
    pandas' categories they are made of these words, in their order.
    """

    schema: ModelSchema
    known: Mapping[str, KnownColumn] = field(default_factory=dict)
    keeps_unknown: bool = False
    feature_names: tuple[str, ...] = ()

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(
            replace(each, takes_null=each.datatype == "BYTES")
            for each in self.schema.tensors
        )

    def assembled(self, feeds: Mapping[str, Array]) -> Any:
        table = self.schema.assembled(feeds)
        for place, tensor in enumerate(self.schema.tensors):
            known = self.known.get(tensor.name, UNKNOWN)
            if tensor.name not in feeds:
                continue
            name = tensor.name if self.schema.is_named else place
            if known.is_category:
                table[name] = self._category(table[name], known)
        return table

    def samples(self) -> list[dict[str, Array]]:
        row = synthetic_inputs(self.tensors)
        for name, known in self.known.items():
            if known.words and name in row:
                row[name] = np.array(known.words[:1], dtype=row[name].dtype)
        return [row]

    def _category(self, column: Any, known: KnownColumn) -> Any:
        """Return pandas' categories; a word the model does not know is missing.

        With `keeps_unknown` it is left for the library to treat.
        """
        words = list(known.words)
        if self.keeps_unknown:
            more = dict.fromkeys(one for one in column.dropna() if one not in words)
            words += more
        return pandas().Categorical(column, categories=words)


def pandas() -> Any:
    return importlib.import_module("pandas")


def inferred(
    known: Columns, names: Sequence[str], *, number: str, keeps_unknown: bool = False
) -> ModelRows:
    """Return the inputs of a model without a signature, from what it knows.

    Columns of numbers alone are one wide tensor, else each is an input of its own,
    by its name, or x0, x1, … as scikit-learn calls columns without one.
    """
    if any(each.is_text for each in known):
        return Texts(Tensor(INPUT, "BYTES", (-1,)))
    if not any(each.datatype == "BYTES" or each.is_category for each in known):
        return Matrix(Tensor(INPUT, number, (-1, len(known) or -1)), tuple(names))
    is_named = len(names) == len(known)
    called = names if is_named else [f"x{place}" for place in range(len(known))]
    tensors = tuple(
        Tensor(name, each.datatype or number, (-1,))
        for name, each in zip(called, known, strict=True)
    )
    kinds = dict.fromkeys(called, "")
    by_name = dict(zip(called, known, strict=True))
    return FrameRows(ModelSchema(tensors, kinds, is_named), by_name, keeps_unknown)


def signed(
    schema: ModelSchema,
    known: Columns,
    names: Sequence[str],
    *,
    keeps_unknown: bool = False,
) -> ModelRows:
    """Return the inputs that a logged signature declares."""
    if schema.kinds is None and len(schema.tensors) == 1 and not schema.is_named:
        return Matrix(schema.tensors[0], tuple(names))
    called = [each.name for each in schema.tensors]
    if set(called) != set(names):  # such as LightGBM's, which have no spaces
        names = called if len(called) == len(known) else []
    by_name = dict(zip(names, known, strict=False))
    return FrameRows(schema, by_name, keeps_unknown)
