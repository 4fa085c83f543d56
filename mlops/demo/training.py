"""Trains the demo's two models: will a stock close higher tomorrow?

Nobody can know that from six figures, and the models show it: honest accuracies a
little above one half. Knows no Django.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops.demo.panel import FEATURE_NAMES, Panel

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Report = Callable[[int, dict[str, float]], None]

INPUT_NAME = "features"
OUTPUT_NAMES = ("label", "probabilities")
GOLDEN_ROWS = 8
OPSET = 17
SEED = 7


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from and later rows to be judged by, never mixed."""

    train: tuple[Rows, Labels]
    judge: tuple[Rows, Labels]

    @classmethod
    def of(cls, train: Panel, judge: Panel) -> "Split":
        return cls(_rows(train), _rows(judge))


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model: what to log about it and the file that can be served."""

    metrics: dict[str, float]
    onnx: bytes
    golden: bytes


LINEAR: dict[str, Any] = {"alpha": 1e-3, "average": True, "epochs": 15}
BOOSTED: dict[str, Any] = {
    "n_estimators": 40,
    "max_depth": 3,
    "learning_rate": 0.05,
    "subsample": 0.2,
}


def train_linear(split: Split, report: Report) -> Trained:
    """Train a scaled logistic regression; `report` hears of every epoch."""
    (rows, labels), (later, truth) = split.train, split.judge
    scaler = StandardScaler().fit(rows)
    settings = dict(LINEAR)
    epochs = settings.pop("epochs")
    classifier = SGDClassifier(loss="log_loss", random_state=SEED, **settings)
    for epoch in range(1, epochs + 1):
        classifier.partial_fit(scaler.transform(rows), labels, classes=[0, 1])
        losses = {
            "train_loss": _loss(classifier, scaler.transform(rows), labels),
            "loss": _loss(classifier, scaler.transform(later), truth),
        }
        report(epoch, losses)
    return _finish(make_pipeline(scaler, classifier), split)


def train_boosted(split: Split, report: Report) -> Trained:
    """Train boosted trees; `report` hears of the loss after every tree."""
    (rows, labels), (later, truth) = split.train, split.judge
    model = GradientBoostingClassifier(random_state=SEED, **BOOSTED).fit(rows, labels)
    stages = zip(_stages(model, rows), _stages(model, later), strict=True)
    for tree, (seen, unseen) in enumerate(stages, start=1):
        losses = {
            "train_loss": float(log_loss(labels, seen)),
            "loss": float(log_loss(truth, unseen)),
        }
        report(tree, losses)
    return _finish(model, split)


def _stages(
    model: GradientBoostingClassifier, rows: Rows
) -> Iterator[npt.NDArray[np.float64]]:
    yield from model.staged_predict_proba(rows)


def _rows(panel: Panel) -> tuple[Rows, Labels]:
    known = panel.complete()
    rows = known.features.astype(np.float32)
    return rows, (known.target > 0).astype(np.int64)


def _loss(
    model: ClassifierMixin, rows: npt.NDArray[np.float64], truth: Labels
) -> float:
    return float(log_loss(truth, model.predict_proba(rows)))


def _finish(model: ClassifierMixin, split: Split) -> Trained:
    later, truth = split.judge
    onnx = _export(model)
    golden = later[:: len(later) // GOLDEN_ROWS][:GOLDEN_ROWS]
    return Trained(_judge(model, later, truth), onnx, _golden(onnx, golden))


def _judge(model: ClassifierMixin, rows: Rows, truth: Labels) -> dict[str, float]:
    chances = model.predict_proba(rows)
    guesses = chances.argmax(axis=1)
    figures = {
        "accuracy": accuracy_score(truth, guesses),
        "f1_score": f1_score(truth, guesses),
        "auc": roc_auc_score(truth, chances[:, 1]),
        "loss": log_loss(truth, chances),
    }
    return {name: float(value) for name, value in figures.items()}


def _export(model: ClassifierMixin) -> bytes:
    """Return the model as ONNX: rows of float32 in, labels and chances out."""
    types = [(INPUT_NAME, FloatTensorType([None, len(FEATURE_NAMES)]))]
    proto = to_onnx(
        model,
        initial_types=types,
        options={"zipmap": False},
        target_opset=OPSET,
    )
    return bytes(proto.SerializeToString())


def _golden(onnx: bytes, rows: Rows) -> bytes:
    """Return a request with the answer that any server of the model must give."""
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    labels, chances = session.run(list(OUTPUT_NAMES), {INPUT_NAME: rows})
    outputs = [
        tensor("label", "INT64", np.asarray(labels)),
        tensor("probabilities", "FP32", np.asarray(chances)),
    ]
    case = {"inputs": [tensor(INPUT_NAME, "FP32", rows)], "outputs": outputs}
    return json.dumps(case).encode()


def tensor(
    name: str, datatype: str, values: npt.NDArray[np.generic]
) -> dict[str, object]:
    """Return a tensor as the Open Inference Protocol writes it, data row by row."""
    return {
        "name": name,
        "datatype": datatype,
        "shape": list(values.shape),
        "data": values.ravel().tolist(),
    }
