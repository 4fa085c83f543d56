"""The forms for people with curl: instances, records, columns.

`{"instances": [[1, 2], …]}` and `{"instances": [{"a": 1, "b": 2}, …]}` (a bare list
too), `{"inputs": {"a": [1, …]}}` by column, and MLflow's `dataframe_split` and
`dataframe_records`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from deployments.serving.oip.datatypes import Array
from deployments.serving.oip.decode import require_shape
from deployments.serving.oip.errors import BadRequest
from deployments.serving.oip.values import MAX_RANK, fit
from deployments.serving.terms import Tensor

Feeds = dict[str, Any]
ROWS = ("inputs", "instances", "dataframe_split", "dataframe_records")
FORMS = (
    'Send {"instances": [[…]]}, {"instances": [{"column": …}]} or '
    '{"inputs": {"name": […]}}.'
)


def feeds(body: Any, inputs: Sequence[Tensor], names: Sequence[str]) -> Feeds:
    """Return the model's inputs; `names` are the columns of a single wide input.

    Raises BadRequest.
    """
    if isinstance(body, dict):
        _require_one_form(body)
    if isinstance(body, dict) and isinstance(body.get("inputs"), dict):
        return _by_column(body["inputs"], inputs, names)
    if not inputs and body == {}:
        return {}
    rows = _rows(body)
    inputs = [each for each in inputs if not each.has_default]
    if rows and all(isinstance(row, dict) for row in rows):
        columns = {key: [row.get(key) for row in rows] for key in rows[0]}
        if any(row.keys() != rows[0].keys() for row in rows):
            raise BadRequest("Every record must have the same columns.")
        return _by_column(columns, inputs, names)
    return _by_place(rows, inputs)


def _require_one_form(body: dict[str, Any]) -> None:
    """Refuse values that would reach no model: a second form, MLflow's parameters."""
    forms = [name for name in ROWS if body.get(name) is not None]
    if len(forms) > 1:
        raise BadRequest(f"Send {forms[0]} or {forms[1]}, not both.")
    if body.get("params"):
        raise BadRequest("params are not taken: a model's parameters keep theirs.")


def _by_place(rows: list[Any], inputs: Sequence[Tensor]) -> Feeds:
    if not rows:
        return {each.name: _column([], each) for each in inputs}
    has_columns = len(inputs) > 1 or any(_is_column(each) for each in inputs)
    if has_columns and all(_has_all(row, inputs) for row in rows):
        by_place = zip(inputs, zip(*rows, strict=True), strict=True)
        return {each.name: _column(list(column), each) for each, column in by_place}
    if len(inputs) != 1:
        raise BadRequest(
            "The model has several inputs; send records with, or rows of, "
            + ", ".join(repr(each.name) for each in inputs)
            + "."
            if inputs
            else "The model takes no inputs."
        )
    return {inputs[0].name: _column(rows, inputs[0])}


def _is_column(tensor: Tensor) -> bool:
    return len(tensor.shape) == 1 and not tensor.has_any_rank


def _has_all(row: Any, inputs: Sequence[Tensor]) -> bool:
    """Whether a row has a value for each input, in their order."""
    return isinstance(row, list) and len(row) == len(inputs)


def _rows(body: Any) -> list[Any]:
    if isinstance(body, dict):
        if isinstance(split := body.get("dataframe_split"), dict):
            return _records_of(split)
        body = body.get("instances", body.get("dataframe_records"))
    if not isinstance(body, list):
        raise BadRequest(FORMS)
    return body


def _records_of(split: dict[str, Any]) -> list[Any]:
    columns, data = split.get("columns"), split.get("data")
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise BadRequest("dataframe_split needs data, a list of rows.")
    if columns is None:
        return data
    if not isinstance(columns, list) or not all(isinstance(c, str) for c in columns):
        raise BadRequest("The columns of dataframe_split must be a list of names.")
    if repeated := [name for name in columns if columns.count(name) > 1]:
        raise BadRequest(f"The column {repeated[0]!r} is given twice.")
    if any(len(row) != len(columns) for row in data):
        raise BadRequest("Every row of dataframe_split must have all columns.")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _by_column(
    columns: dict[str, Any], inputs: Sequence[Tensor], names: Sequence[str]
) -> Feeds:
    if len(inputs) == 1 and inputs[0].name not in columns:
        columns = {inputs[0].name: _joined(columns, inputs[0], names)}
    known = [each.name for each in inputs]
    if unknown := [name for name in columns if name not in known]:
        raise BadRequest(f"The model has no input {unknown[0]!r}.")
    here = [each for each in inputs if each.name in columns or not each.is_optional]
    if missing := [each.name for each in here if each.name not in columns]:
        raise BadRequest(f"The input {missing[0]!r} is missing.")
    return {each.name: _column(columns[each.name], each) for each in here}


def _joined(columns: dict[str, Any], only: Tensor, names: Sequence[str]) -> list[Any]:
    """Return rows of a single wide input, its columns in the model's order."""
    if not names:
        raise BadRequest(
            f"The model does not name its columns: send rows for {only.name!r}."
        )
    if unknown := [name for name in columns if name not in names]:
        raise BadRequest(f"The model has no column {unknown[0]!r}.")
    if missing := [name for name in names if name not in columns]:
        raise BadRequest(f"The column {missing[0]!r} is missing.")
    values = [columns[name] for name in names]
    if not all(isinstance(column, list) for column in values):
        raise BadRequest("Every column must be a list.")
    if len({len(column) for column in values}) != 1:
        raise BadRequest("Every column must have the same length.")
    return [list(row) for row in zip(*values, strict=True)]


def _column(data: Any, expected: Tensor) -> Any:
    """Return what the model gets as this input: an array, a list for a sequence."""
    if not expected.is_sequence:
        return _shaped(data, expected)
    if not isinstance(data, list):
        raise BadRequest(f"{expected.name!r} must be a list of tensors.")
    one = replace(expected, is_sequence=False)
    return [_shaped(each, one) for each in data]


def _shaped(data: Any, expected: Tensor) -> Array:
    if not expected.shape and not expected.has_any_rank:
        return _scalar(data, expected)
    if not isinstance(data, list):
        raise BadRequest(f"The data of {expected.name!r} must be a list.")
    shape, want = _shape_of(data), expected.shape
    if len(shape) == 1 < len(want) and (
        not data or all(n in (-1, 1) for n in want[1:])
    ):
        # No row says how wide it would be; a column need not be nested.
        shape += [0 if not data and n == -1 else abs(n) for n in want[1:]]
    require_shape(shape, expected)
    return fit(data, shape, expected)


def _scalar(data: Any, expected: Tensor) -> Array:
    """Return a single value, which may stand in a list of its own."""
    values = data if isinstance(data, list) else [data]
    if len(values) != 1 or isinstance(values[0], list):
        raise BadRequest(f"{expected.name!r} is a single value.")
    return fit(values, [], expected)


def _shape_of(data: Any) -> list[int]:
    shape: list[int] = []
    while isinstance(data, list) and len(shape) <= MAX_RANK:
        shape.append(len(data))
        data = data[0] if data else None
    return shape
