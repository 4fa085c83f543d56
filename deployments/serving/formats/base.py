"""Interface of a loaded model, which every format's reader returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deployments.serving import readings
from deployments.serving.oip.datatypes import NUMPY
from deployments.serving.terms import Manifest, Tensor

Array = NDArray[Any]
TOO_LITTLE_MEMORY = (
    "There is too little memory to load the model: deploy it with an instance type "
    "that has more."
)
_NO_MEMORY = ("bad_alloc", "Failed to allocate memory", "bad allocation")


class Weights(Protocol):
    """Weights that an ONNX file keeps in other files (`formats.external`)."""

    @property
    def is_shared(self) -> bool:
        """Whether instances share their pages."""

    def session(self, content: bytes, options: Any) -> Any:
        """Return onnxruntime's session of the file. Raises TargetRefused."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Load options: threads of one prediction, and what the environment allows.

    `reading` is the number of the rules by which it is read (`serving.readings`);
    `manifest` what an MLmodel says of it, nothing where there is none; `weights` are in
    the files beside it.
    """

    threads: int = 1
    allows_code: bool = False
    feature_names: tuple[str, ...] = ()
    environment: str = ""
    reading: int = readings.NEWEST
    manifest: Manifest = field(default_factory=Manifest)
    weights: Weights | None = None


class Loaded(Protocol):
    """A model in memory.

    `feature_names` are the columns of its only input, empty when unknown.
    """

    platform: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    feature_names: tuple[str, ...]

    def predict(
        self, feeds: Mapping[str, Any], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        """Return the wanted outputs, all of them when none is named.

        A sequence comes in as a list, and goes out as tensors of numbered names.

        Raises BadRequest, ModelFailed or OutOfMemory (`oip.errors`).
        """


def is_memory(error: BaseException) -> bool:
    """Whether memory ended, in whatever words a native library has for it."""
    text = str(error)
    return isinstance(error, MemoryError) or any(mark in text for mark in _NO_MEMORY)


def empty(output: Tensor) -> Array:
    """Return what a model of rows answers to none; its library may refuse to."""
    shape = [0, *(max(size, 0) for size in output.shape[1:])]
    return np.empty(shape, NUMPY[output.datatype])


def synthetic_inputs(inputs: Sequence[Tensor]) -> dict[str, Any]:
    """Return one row of zeros or empty strings that fits the inputs."""
    return {
        each.name: [_zeros(each)] if each.is_sequence else _zeros(each)
        for each in inputs
        if not each.has_default
    }


def _zeros(tensor: Tensor) -> Array:
    return np.full(
        [1 if size == -1 else size for size in tensor.shape],
        "" if tensor.datatype == "BYTES" else 0,
        dtype=NUMPY[tensor.datatype],
    )
