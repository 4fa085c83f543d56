"""scikit-learn estimators as ONNX, where that gives the same answers.

Inputs and outputs keep their names, so that a client sees no other model. Both are
run on rows of all sizes, the neighbours of what trees compare with, and the input
example; one label that differs, or a number by more than a millionth, is too much.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from skl2onnx.sklapi import CastTransformer
from sklearn.pipeline import make_pipeline

from deployments.serving.formats import fitted_columns
from deployments.serving.formats.base import Array, LoadOptions
from deployments.serving.formats.library import LibraryModel
from deployments.serving.formats.onnx import FEATURE_NAMES, OnnxModel
from deployments.serving.formats.rows import Matrix
from deployments.serving.oip.datatypes import NUMPY
from deployments.serving.oip.errors import BadRequest, ModelFailed
from deployments.serving.terms import TargetRefused

OPSET = 21
ROWS, SCALES = 64, (0.1, 1.0, 10.0, 100.0)
RELATIVE = 1e-6
MOST_EDGES = 2000
TYPES = {"FP64": DoubleTensorType, "FP32": FloatTensorType}


def convert(
    model: LibraryModel,
    options: LoadOptions,
    example: Mapping[str, Array] | None = None,
) -> bytes:
    """Return an ONNX file that answers as the estimator does.

    Raises TargetRefused, saying what differs or cannot be converted.
    """
    reason = "it is no scikit-learn model of numbers alone"
    requests = list(_requests(model, example)) if _is_plain(model) else []
    for candidate in _candidates(model) if requests else ():
        try:
            content: bytes = candidate.SerializeToString()
            converted = OnnxModel(content, options)
            _require_signature(converted, model)
            for feeds in requests:
                _compare(feeds, converted, model)
        except (TargetRefused, BadRequest, ModelFailed) as refused:
            reason = str(refused)
        else:
            return content
    raise TargetRefused(reason)


def _is_plain(model: LibraryModel) -> bool:
    rows = model.rows
    module = type(model.estimator).__module__
    return (
        module.startswith("sklearn.")
        and isinstance(rows, Matrix)
        and rows.given.datatype in TYPES
        and len(rows.given.shape) == 2  # noqa: PLR2004 - rows of columns
    )


def _candidates(model: LibraryModel) -> Iterator[onnx.ModelProto]:
    """Yield conversions: in its own precision, and in single, as trees compare."""
    estimator = model.estimator
    single = make_pipeline(CastTransformer(dtype=np.float32), estimator)
    for each in (estimator, single):
        made = _converted(each, model)
        if len(model.outputs[0].shape) == 1:
            _flatten(made.graph)
        if model.feature_names:
            names = ",".join(model.feature_names)
            helper.set_model_props(made, {FEATURE_NAMES: names})
        yield made


def _converted(estimator: Any, model: LibraryModel) -> onnx.ModelProto:
    options = {"zipmap": False} if hasattr(estimator, "predict_proba") else None
    given = model.inputs[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made: onnx.ModelProto = convert_sklearn(
                estimator,
                initial_types=[
                    (given.name, TYPES[given.datatype]([None, _width(model)]))
                ],
                final_types=[(each.name, None) for each in model.outputs],
                options={id(estimator): options} if options else None,
                target_opset=OPSET,
            )
    except Exception as error:  # noqa: BLE001 - whatever a converter raises
        first = str(error).strip().split("\n")[0][:200]
        raise TargetRefused(f"{type(error).__name__}: {first}") from None
    return made


def _width(model: LibraryModel) -> int:
    return model.inputs[0].shape[1]


def _flatten(graph: onnx.GraphProto) -> None:
    """Make the first output a row of values, where ONNX gives a column of them."""
    output = graph.output[0]
    if len(output.type.tensor_type.shape.dim) == 1:
        return
    for node in graph.node:
        for place, name in enumerate(node.output):
            if name == output.name:
                node.output[place] = "column"
    graph.initializer.append(numpy_helper.from_array(np.array([-1]), "flat"))
    graph.node.append(helper.make_node("Reshape", ["column", "flat"], [output.name]))
    del output.type.tensor_type.shape.dim[1:]


def _require_signature(converted: OnnxModel, model: LibraryModel) -> None:
    """Raise Refused unless names and kinds of outputs are the estimator's."""
    want = {each.name: NUMPY[each.datatype] for each in model.outputs}
    got = {each.name: NUMPY[each.datatype] for each in converted.outputs}
    for name, dtype in want.items():
        if name not in got or np.dtype(got[name]).kind != np.dtype(dtype).kind:
            raise TargetRefused(f"the output {name!r} would be of another type")


def _requests(
    model: LibraryModel, example: Mapping[str, Array] | None
) -> Iterator[dict[str, Array]]:
    given = model.inputs[0]
    dtype = NUMPY[given.datatype]
    random = np.random.default_rng(0)
    for scale in SCALES:
        rows = random.normal(scale=scale, size=(ROWS, _width(model)))
        yield {given.name: rows.astype(dtype)}
    if edges := _edges(model.estimator, _width(model)):
        yield {given.name: _rows_at(edges, _width(model)).astype(dtype)}
    if example is not None:
        yield dict(example)


def _edges(estimator: Any, width: int) -> list[tuple[int, float]]:
    """Return columns and values that the trees of a forest compare with.

    Of an estimator behind steps that change its columns there are none.
    """
    found: set[tuple[int, float]] = set()
    if getattr(estimator, "n_features_in_", None) != width:
        return []
    for tree in _trees(estimator):
        inner = tree.feature >= 0
        found.update(zip(tree.feature[inner], tree.threshold[inner], strict=True))
        if len(found) > MOST_EDGES:
            break
    return sorted(found)[:MOST_EDGES]


def _trees(estimator: Any) -> Iterator[Any]:
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
    if not hasattr(estimator, "steps"):
        for each in np.ravel(getattr(estimator, "estimators_", [])):
            if hasattr(each, "tree_"):
                yield each.tree_
    elif len(list(fitted_columns.chain(estimator))) == 2:  # noqa: PLR2004 - itself and one step
        yield from _trees(estimator.steps[0][1])


def _rows_at(edges: Sequence[tuple[int, float]], width: int) -> Array:
    """Return rows that lie at each value, and just beside it in both precisions."""
    rows = np.zeros((len(edges) * 5, width))
    for place, (column, value) in enumerate(edges):
        near = np.float32(value)
        around = (
            value,
            np.nextafter(value, np.inf),
            near,
            np.nextafter(near, np.float32(np.inf)),
            np.nextafter(near, np.float32(-np.inf)),
        )
        rows[place * 5 : place * 5 + 5, column] = around
    return rows


def _compare(
    feeds: Mapping[str, Array], converted: OnnxModel, model: LibraryModel
) -> None:
    """Raise Refused unless both answer the same rows the same."""
    want = dict(model.predict(feeds, ()))
    got = dict(converted.predict(feeds, tuple(want)))
    for name, values in want.items():
        if got[name].shape != values.shape:
            raise TargetRefused(f"the output {name!r} has another shape")
        if differs(got[name], values):
            raise TargetRefused(f"the output {name!r} differs on some rows")


def differs(got: Array, want: Array) -> bool:
    """Whether a label is another, or a number is off by more than a millionth."""
    if want.dtype.kind != "f" or got.dtype.kind != "f":
        return bool((got.astype(np.str_) != want.astype(np.str_)).any())
    scale = np.max(np.abs(want), initial=0.0, where=np.isfinite(want))
    return not np.allclose(
        got.astype(np.float64),
        want.astype(np.float64),
        rtol=RELATIVE,
        atol=RELATIVE * min(scale, 1.0),
        equal_nan=True,
    )
