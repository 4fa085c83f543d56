"""Turns the protocol's requests into arrays that fit a model's signature."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.serving.oip import binary, sequences
from deployments.serving.oip.binary import Tail
from deployments.serving.oip.datatypes import NUMPY, Array
from deployments.serving.oip.errors import BadRequest
from deployments.serving.oip.values import MAX_RANK, converted, fit
from deployments.serving.terms import Tensor

MAX_ELEMENTS = 1 << 31
UNSPOKEN = ("classification", "shared_memory_region")
NOTHING = Tail(memoryview(b""))


@dataclass(slots=True)
class InferRequest:
    """A request whose tensors fit; an empty `wanted` asks for every output.

    `is_binary` is the form of the outputs, `forms` that of those that ask for one.
    """

    feeds: dict[str, Any]
    wanted: list[str]
    id: str | None = None
    is_binary: bool = False
    forms: Mapping[str, bool] | None = None

    @property
    def form(self) -> Callable[[str], bool] | None:
        """Return a predicate of binary outputs, None where all are JSON."""
        return self.is_binary_of if self.is_binary or self.forms else None

    def is_binary_of(self, name: str) -> bool:
        """Whether an output, or a tensor of an output's sequence, is binary."""
        forms = self.forms or {}
        if name in forms:
            return forms[name]
        return forms.get(name.rpartition("[")[0], self.is_binary)


def infer_request(
    body: Any,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    tail: Tail = NOTHING,
) -> InferRequest:
    """Check a parsed body against the signature. Raises BadRequest."""
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    request_id = body.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise BadRequest("id must be a string.")
    parameters = _parameters(body, "parameters")
    feeds = tensors(body.get("inputs"), inputs, tail)
    tail.require_end()
    is_binary = _truth(parameters, "binary_data_output") or False
    if body.get("outputs") is None:
        return InferRequest(feeds, [], request_id, is_binary)
    wanted = _wanted(body["outputs"], outputs)
    forms = {name: form for name, form in wanted.items() if form is not None}
    return InferRequest(feeds, list(wanted), request_id, is_binary, forms)


def tensors(
    entries: Any, expected: Sequence[Tensor], tail: Tail = NOTHING
) -> dict[str, Any]:
    """Return what the model gets for each input. Raises BadRequest."""
    if entries is None and not expected:
        return {}
    if not isinstance(entries, list) or not (
        entries or all(each.is_optional for each in expected)
    ):
        raise BadRequest(
            "inputs must be a list of at least one tensor; instances and records are"
            " read at the endpoint's own address."
        )
    known = {tensor.name: tensor for tensor in expected}
    arrays: dict[str, Array] = {}
    for entry in entries:
        name = _name(entry, "inputs")
        if name in arrays:
            raise BadRequest(f"The input {name!r} is given twice.")
        arrays[name] = _input(entry, name, known, tail)
    feeds = sequences.joined(arrays, expected)
    if len(feeds) < len(known):
        for name, tensor in known.items():
            if name not in feeds and not tensor.is_optional:
                raise BadRequest(f"The input {name!r} is missing.")
    return feeds


def _input(
    entry: dict[str, Any], name: str, known: Mapping[str, Tensor], tail: Tail
) -> Array:
    tensor = known.get(name) or sequences.element(name, known)
    if tensor is None:
        raise BadRequest(f"There is no input {name!r}; {_one_of(known)}.")
    if not tensor.is_sequence:
        return tensor_array(entry, tensor, tail)
    one = Tensor(name, tensor.datatype, (0,))
    if not sequences.is_empty(entry):
        raise BadRequest(
            f"{name!r} is a sequence: send its tensors as '{name}[0]', '{name}[1]', …,"
            " or one of the shape [0] if it is empty."
        )
    return tensor_array(entry, one, tail)


def tensor_array(
    entry: dict[str, Any], expected: Tensor, tail: Tail = NOTHING
) -> Array:
    """Return one tensor as an array of the expected type and shape."""
    datatype = entry.get("datatype")
    if not isinstance(datatype, str) or datatype not in NUMPY:
        raise BadRequest(
            f"The datatype of {expected.name!r} must be one of {', '.join(NUMPY)}."
        )
    parameters = _parameters(entry, "parameters")
    shape = _shape(entry.get("shape"), expected)
    if binary.SIZE in parameters:
        if "data" in entry:
            raise BadRequest(f"{expected.name!r} has data and {binary.SIZE}.")
        raw = tail.take(parameters[binary.SIZE], expected.name)
        return converted(binary.read(raw, shape, datatype, expected.name), expected)
    if not isinstance(entry.get("data"), list):
        raise BadRequest(f"The data of {expected.name!r} must be a list.")
    return fit(entry["data"], shape, expected, datatype)


def _wanted(entries: Any, outputs: Sequence[Tensor]) -> dict[str, bool | None]:
    """Return the requested outputs, in order, each with its requested form."""
    if not isinstance(entries, list):
        raise BadRequest("outputs must be a list.")
    known = [tensor.name for tensor in outputs]
    wanted: dict[str, bool | None] = {}
    for entry in entries:
        name = _name(entry, "outputs")
        if name not in known:
            raise BadRequest(f"There is no output {name!r}; {_one_of(known)}.")
        parameters = _parameters(entry, "parameters")
        wanted[name] = _truth(parameters, "binary_data")
    return wanted


def _name(entry: Any, where: str) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise BadRequest(f"Every entry of {where} must be an object with a name.")
    return name


def _parameters(holder: dict[str, Any], where: str) -> dict[str, Any]:
    found = holder.get(where)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadRequest(f"{where} must be an object.")
    for name in UNSPOKEN:
        if name in found:
            raise BadRequest(f"The parameter {name!r} is not spoken here.")
    return found


def _truth(parameters: dict[str, Any], name: str) -> bool | None:
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.")
    return value


def _one_of(names: Any) -> str:
    listed = ", ".join(repr(name) for name in names)
    return f"there is {listed}" if listed else "the model takes none"


def _shape(shape: Any, expected: Tensor) -> list[int]:
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        wrong = "must be a list of whole numbers"
    elif len(shape) > MAX_RANK:
        wrong = f"has {len(shape)} lengths; {MAX_RANK} is the most"
    elif not all(size >= 0 for size in shape):
        wrong = "has a negative length; a request gives the true ones"
    elif math.prod(shape) > MAX_ELEMENTS:
        wrong = f"holds more than {MAX_ELEMENTS} values"
    else:
        require_shape(shape, expected)
        return shape
    raise BadRequest(f"The shape of {expected.name!r} {wrong}.")


def _fits(size: int, wanted: int) -> bool:
    return wanted in (-1, size)


def require_shape(shape: Sequence[int], expected: Tensor) -> None:
    """Raise BadRequest unless the model takes a tensor of this shape."""
    if expected.has_any_rank:
        return
    if len(shape) != len(expected.shape) or not all(map(_fits, shape, expected.shape)):
        raise BadRequest(
            f"The shape of {expected.name!r} is {list(shape)}; the model takes "
            f"{list(expected.shape)}, where -1 is any length."
        )
