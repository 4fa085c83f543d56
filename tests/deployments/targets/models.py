"""Real models on scikit-learn's bundled data, as files of every format."""

import hashlib
import io
import pickle
import tempfile
import uuid
from functools import cache
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import onnx
import skops.io
import xgboost
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

from deployments.serving.terms import ModelFile, Spec


@cache
def iris() -> tuple[np.ndarray, np.ndarray]:
    rows, labels = load_iris(return_X_y=True)
    return rows.astype(np.float32), labels


@cache
def forest(shift: int = 0) -> RandomForestClassifier:
    """Return a fitted forest; `shift` rotates its labels, so versions differ."""
    rows, labels = iris()
    return RandomForestClassifier(10, random_state=0).fit(rows, (labels + shift) % 3)


@cache
def onnx_bytes(shift: int = 0, *, zipmap: bool = False) -> bytes:
    options = {id(forest(shift)): {"zipmap": zipmap}}
    model = to_onnx(forest(shift), iris()[0][:1], options=options, target_opset=21)
    return model.SerializeToString()


@cache
def boosted_bytes() -> bytes:
    """Two classes by boosted trees; operators of its ONNX fail on no rows."""
    features, target = iris()
    model = GradientBoostingClassifier(n_estimators=3, random_state=0)
    model.fit(features, target == 0)
    options = {id(model): {"zipmap": False}}
    made = to_onnx(model, features[:1], options=options, target_opset=21)
    return made.SerializeToString()


@cache
def wide_bytes(inputs: int) -> bytes:
    """Return a model with an input for each column, as converters make them."""
    columns = [
        onnx.helper.make_tensor_value_info(
            f"measured_at_the_sensor_{number:05}", onnx.TensorProto.FLOAT, [None, 1]
        )
        for number in range(inputs)
    ]
    answer = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 1])
    node = onnx.helper.make_node("Identity", [columns[0].name], ["y"])
    graph = onnx.helper.make_graph([node], "wide", columns, [answer])
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return model.SerializeToString()


def lower_bytes(locale: str) -> bytes:
    """Return a model that makes letters small, by the rules of a locale."""
    node = onnx.helper.make_node(
        "StringNormalizer", ["x"], ["y"], case_change_action="LOWER", locale=locale
    )
    given, answer = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.STRING, [None])
        for name in "xy"
    ]
    graph = onnx.helper.make_graph([node], "lower", [given], [answer])
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return model.SerializeToString()


def skops_bytes() -> bytes:
    return skops.io.dumps(forest())


@cache
def xgboost_bytes(form: str = "ubj") -> bytes:
    rows, labels = iris()
    parameters = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
    names = ["a", "b", "c", "d"]
    data = xgboost.DMatrix(rows, labels, feature_names=names, nthread=1)
    return bytes(xgboost.train(parameters, data, 3).save_raw(form))


@cache
def lightgbm_bytes() -> bytes:
    rows, labels = iris()
    parameters = {"objective": "binary", "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(rows, labels == 1)
    return lightgbm.train(parameters, data, 3).model_to_string().encode()


def joblib_bytes() -> bytes:
    file = io.BytesIO()
    joblib.dump(forest(), file)
    return file.getvalue()


class Evil:
    """Runs Python when it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self):
        return (exec, (self.code,))


def evil_bytes(code: str) -> bytes:
    return pickle.dumps(Evil(code))


class Pickled:
    """Becomes what an expression says when it is unpickled."""

    def __init__(self, expression: str) -> None:
        self.expression = expression

    def __reduce__(self):
        return (eval, (self.expression,))


def pickled(expression: str) -> bytes:
    return pickle.dumps(Pickled(expression))


def stored(folder: Path, content: bytes, **fields) -> ModelFile:
    """Write the bytes to a file of its own and return it as the registry would."""
    path = Path(tempfile.mkstemp(dir=folder)[1])
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile(path, "model", digest, len(content), **fields)


def spec_of(file: ModelFile, **fields) -> Spec:
    named = {
        "deployment_id": str(uuid.uuid4()),
        "environment": "staging",
        "model_name": "iris",
        "model_version": "1",
    }
    return Spec(file=file, **{**named, **fields})
