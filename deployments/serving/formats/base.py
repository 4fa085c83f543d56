"""What every format's reader returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deployments.serving import readings
from deployments.serving.oip.datatypes import NUMPY
from deployments.serving.terms import Tensor

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Options:
    """How to load: threads of one prediction, and what the environment allows.

    `reading` is the number of the rules by which it is read (`serving.readings`).
    """

    threads: int = 1
    allows_code: bool = False
    feature_names: tuple[str, ...] = ()
    environment: str = ""
    reading: int = readings.NEWEST


class Loaded(Protocol):
    """A model in memory.

    `feature_names` are the columns of its only input, empty when unknown.
    """

    platform: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    feature_names: tuple[str, ...]

    def predict(
        self, feeds: Mapping[str, Array], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        """Return the wanted outputs, all of them when none is named.

        Raises BadRequest, ModelFailed or OutOfMemory (`oip.errors`).
        """


def made_up(inputs: Sequence[Tensor]) -> dict[str, Array]:
    """Return one row of zeros or empty strings that fits the inputs."""
    return {
        each.name: np.full(
            [max(size, 1) for size in each.shape],
            "" if each.datatype == "BYTES" else 0,
            dtype=NUMPY[each.datatype],
        )
        for each in inputs
    }
