"""scikit-learn estimators as ONNX, where that gives the same answers.

Inputs and outputs keep their names, so that a client sees no other model.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.sklapi import CastTransformer
from sklearn.pipeline import make_pipeline

from deployments.serving.formats import golden
from deployments.serving.formats.base import Array, LoadOptions
from deployments.serving.formats.first.columns import INPUT, ColumnModel
from deployments.serving.formats.onnx import FEATURE_NAMES, OnnxModel
from deployments.serving.oip.errors import BadRequest, ModelFailed
from deployments.serving.terms import TargetRefused

OPSET = 21
ROWS, SCALES = 64, (0.1, 1.0, 10.0, 100.0)


def convert(model: ColumnModel, options: LoadOptions) -> bytes:
    """Return an ONNX file that answers made-up rows as the estimator does.

    Raises TargetRefused, saying what differs or cannot be converted.
    """
    reason = "it is no scikit-learn model"
    for candidate in _candidates(model):
        try:
            content: bytes = candidate.SerializeToString()
            _compare(OnnxModel(content, options), model)
        except (TargetRefused, BadRequest, ModelFailed) as refused:
            reason = str(refused)
        else:
            return content
    raise TargetRefused(reason)


def _candidates(model: ColumnModel) -> Iterator[onnx.ModelProto]:
    """Yield conversions: in double precision, and in single, as trees compare."""
    estimator = model.estimator
    if estimator is None:
        return
    for each in (
        estimator,
        make_pipeline(CastTransformer(dtype=np.float32), estimator),
    ):
        made = _converted(each, model)
        if len(model.outputs[0].shape) == 1:
            _flatten(made.graph)
        if model.feature_names:
            names = ",".join(model.feature_names)
            helper.set_model_props(made, {FEATURE_NAMES: names})
        yield made


def _converted(estimator: Any, model: ColumnModel) -> onnx.ModelProto:
    options = {"zipmap": False} if hasattr(estimator, "predict_proba") else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made: onnx.ModelProto = convert_sklearn(
                estimator,
                initial_types=[(INPUT, DoubleTensorType([None, _width(model)]))],
                final_types=[(each.name, None) for each in model.outputs],
                options={id(estimator): options} if options else None,
                target_opset=OPSET,
            )
    except Exception as error:  # noqa: BLE001 - whatever a converter raises
        first = str(error).strip().split("\n")[0][:200]
        raise TargetRefused(f"{type(error).__name__}: {first}") from None
    return made


def _width(model: ColumnModel) -> int:
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


def _compare(converted: OnnxModel, model: ColumnModel) -> None:
    """Raise Refused unless both answer the same rows the same."""
    random = np.random.default_rng(0)
    for scale in SCALES:
        rows = random.normal(scale=scale, size=(ROWS, _width(model)))
        _compare_rows(rows, converted, model)


def _compare_rows(rows: Array, converted: OnnxModel, model: ColumnModel) -> None:
    want = dict(model.predict({INPUT: rows}, ()))
    got = dict(converted.predict({INPUT: rows}, tuple(want)))
    for name, values in want.items():
        if got[name].shape != values.shape:
            raise TargetRefused(f"the output {name!r} has another shape")
        if golden.differing(got[name], values).any():
            raise TargetRefused(f"the output {name!r} differs on made-up rows")
