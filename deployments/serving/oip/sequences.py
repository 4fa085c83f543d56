"""Sequences of tensors as the protocol's tensors: `name[0]`, `name[1]`, ….

An empty one is a tensor `name` of the shape [0].
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deployments.serving.oip.datatypes import NUMPY, Array
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import Tensor

_NUMBERED = re.compile(r"(.+)\[(0|[1-9][0-9]{0,5})\]", re.DOTALL)


def element(name: str, known: Mapping[str, Tensor]) -> Tensor | None:
    """Return what a numbered name is to be, None if it is no place of a sequence."""
    found = _NUMBERED.fullmatch(name)
    whole = known.get(found[1]) if found else None
    if whole is None or not whole.is_sequence:
        return None
    return replace(whole, name=name, is_sequence=False)


def is_empty(entry: Mapping[str, Any]) -> bool:
    """Whether an entry under the sequence's own name marks it as empty."""
    parameters = entry.get("parameters") or {}
    return entry.get("shape") == [0] and (
        entry.get("data") == [] or parameters.get("binary_data_size") == 0
    )


def joined(arrays: dict[str, Array], expected: Sequence[Tensor]) -> dict[str, Any]:
    """Return sequences as lists in the order of their numbers. Raises BadRequest."""
    for each in expected:
        if each.is_sequence:
            break
    else:
        return arrays
    wholes = [each.name for each in expected if each.is_sequence]
    feeds: dict[str, Any] = {}
    places: dict[str, dict[int, Array]] = {}
    for name, array in arrays.items():
        found = _NUMBERED.fullmatch(name)
        if found and found[1] in wholes:
            places.setdefault(found[1], {})[int(found[2])] = array
        else:
            feeds[name] = [] if name in wholes else array
    for name, numbered in places.items():
        if name in feeds or sorted(numbered) != list(range(len(numbered))):
            raise BadRequest(
                f"The tensors of the sequence {name!r} must be numbered from 0 on, "
                "each once."
            )
        feeds[name] = [numbered[place] for place in range(len(numbered))]
    return feeds


def numbered(output: Tensor, values: Sequence[Array] | None) -> list[tuple[str, Array]]:
    """Return the tensors of a sequence under the names that they travel by.

    There is none for an optional one that is not there.
    """
    if values is None:
        return []
    if not values:
        return [(output.name, np.empty(0, NUMPY[output.datatype]))]
    return [(f"{output.name}[{place}]", value) for place, value in enumerate(values)]
