"""Small real models of the store, trained on numbers that are the same each time."""

import numpy as np
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from tests.releases.telling.data import COLUMNS, SEED

OPSET = 17


def line() -> LogisticRegression:
    return LogisticRegression().fit(*_known())


def tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=3, random_state=SEED).fit(*_known())


def as_onnx(model: ClassifierMixin) -> bytes:
    types = [("features", FloatTensorType([None, len(COLUMNS)]))]
    options = {"zipmap": False}
    made = to_onnx(model, initial_types=types, options=options, target_opset=OPSET)
    return bytes(made.SerializeToString())


def as_skops(model: ClassifierMixin) -> bytes:
    return bytes(skops.io.dumps(model))


def _known() -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(SEED).normal(size=(200, len(COLUMNS)))
    return rows.astype(np.float32), (rows[:, 0] + rows[:, 1] > 0).astype(np.int64)
