"""Models with one input of columns: scikit-learn's, XGBoost's, LightGBM's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deployments.serving.formats.base import Array, LoadOptions, empty, synthetic_inputs
from deployments.serving.oip.datatypes import name_of
from deployments.serving.oip.errors import ModelFailed, OutOfMemory
from deployments.serving.terms import Tensor

Outputs = Mapping[str, Callable[[Array], Array]]
INPUT = "input"


class ColumnModel:
    """A model whose outputs are functions of one (rows, columns) array.

    `estimator` is the scikit-learn model that it runs, if it is one.
    """

    def __init__(
        self, platform: str, given: Tensor, outputs: Outputs, options: LoadOptions
    ) -> None:
        self.platform = platform
        self.estimator: Any = None
        self.inputs = (given,)
        self.feature_names = options.feature_names
        self._outputs = outputs
        self.outputs = tuple(self._described())

    def predict(
        self, feeds: Mapping[str, Array], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        rows = feeds[self.inputs[0].name]
        if not len(rows):
            return [(each.name, empty(each)) for each in self._named(wanted)]
        return [(name, self._run(name, rows)) for name in wanted or self._outputs]

    def _named(self, wanted: Sequence[str]) -> list[Tensor]:
        known = {each.name: each for each in self.outputs}
        return [known[name] for name in wanted or known]

    def _run(self, name: str, rows: Array) -> Array:
        try:
            return np.asarray(self._outputs[name](rows))
        except MemoryError:
            raise OutOfMemory("The instance has too little memory for it.") from None
        except Exception as error:  # noqa: BLE001 - whatever a model's library raises
            raise ModelFailed(f"{type(error).__name__}: {str(error)[:500]}") from None

    def _described(self) -> list[Tensor]:
        """Return the outputs as one row shows them; their first axis is the rows."""
        row = synthetic_inputs(self.inputs)[self.inputs[0].name]
        arrays = [(name, self._run(name, row)) for name in self._outputs]
        return [
            Tensor(name, name_of(array.dtype), (-1, *array.shape[1:]))
            for name, array in arrays
        ]
