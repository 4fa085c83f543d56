"""ONNX files, with the columns of a logged signature where there is one.

MLflow gives a model with a signature of columns a table: one wide input gets its
values, several get a column each, and doubles become what a float input takes. Its
answers are columns: an output of one value a row has one axis.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from deployments.serving.formats.base import Array, Loaded, LoadOptions
from deployments.serving.formats.onnx import OnnxModel
from deployments.serving.formats.rows import INPUT
from deployments.serving.formats.schema import ModelSchema
from deployments.serving.oip.datatypes import NUMPY
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import TargetRefused, Tensor

MATRIX = 2


class ColumnsOfOnnx:
    """An ONNX model that is called with the columns of its signature."""

    feature_names: tuple[str, ...] = ()

    def __init__(self, model: OnnxModel, schema: ModelSchema) -> None:
        self._model, self._schema = model, schema
        self.platform, self.notes = model.platform, model.notes
        self.inputs = schema.tensors
        self.outputs = tuple(_flat_tensor(each) for each in model.outputs)
        self._flat = {each.name for each in model.outputs if _is_column(each)}
        self._require_fit()

    def predict(
        self, feeds: Mapping[str, Array], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        if len({len(column) for column in feeds.values()}) > 1:
            raise BadRequest("All columns must have the same number of rows.")
        given = self._model.inputs
        if len(given) == 1:
            columns = [feeds[each.name] for each in self.inputs]
            wide = np.stack(columns, axis=1) if columns else np.empty((0, 0))
            inputs = {given[0].name: _as(wide, given[0])}
        else:
            inputs = {each.name: _as(feeds[each.name], each) for each in given}
        return [
            (name, array.reshape(-1) if name in self._flat else array)
            for name, array in self._model.predict(inputs, wanted)
        ]

    def _require_fit(self) -> None:
        given, names = self._model.inputs, [each.name for each in self.inputs]
        if any(each.is_optional for each in self.inputs):
            raise TargetRefused(
                "The signature has columns that are not required, which an ONNX file "
                "cannot do without. Log the model with all columns required."
            )
        if len(given) == 1:
            width = given[0].shape[-1] if len(given[0].shape) == MATRIX else -1
            fits = len(given[0].shape) == MATRIX and width in (-1, len(names))
        else:
            fits = {each.name for each in given} <= set(names)
        if not fits:
            have = ", ".join(f"{one.name} {list(one.shape)}" for one in given)
            raise TargetRefused(
                f"The logged signature ({', '.join(names[:5])}) does not fit the "
                f"inputs of the ONNX file ({have}). Log the model with a signature of "
                "tensors that are called as the file calls them."
            )


def read(content: bytes, options: LoadOptions) -> Loaded:
    model = OnnxModel(content, options)
    schema = ModelSchema.of(options.manifest.inputs, INPUT)
    if schema.kinds is None:
        return model
    return ColumnsOfOnnx(model, schema)


def _as(array: Array, given: Tensor) -> Array:
    """Return an array as the file takes it. Raises BadRequest."""
    shape = [*array.shape, *[1] * (len(given.shape) - array.ndim)]
    want = np.dtype(NUMPY[given.datatype])
    if array.dtype != want and not np.can_cast(array.dtype, want, "same_kind"):
        raise BadRequest(
            f"The columns are {array.dtype}; the input {given.name!r} of the model is "
            f"{given.datatype}."
        )
    return array.reshape(shape).astype(want, copy=False)


def _is_column(tensor: Tensor) -> bool:
    return len(tensor.shape) == MATRIX and tensor.shape[1] == 1


def _flat_tensor(tensor: Tensor) -> Tensor:
    if not _is_column(tensor):
        return tensor
    return Tensor(tensor.name, tensor.datatype, tensor.shape[:1])
