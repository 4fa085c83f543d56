"""What the libraries themselves answer, in a process that has loaded nothing of ours.

Run as a program it goes through the folders of cases, loads each model with its own
library and writes the answers to `want.pkl`: output by output, in order.
"""

import json
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np


def answers(place: Path, told: dict) -> dict:
    with (place / "rows.pkl").open("rb") as file:
        rows = pickle.load(file)
    if hasattr(rows, "columns"):  # as a table lies in memory that was read from a file
        rows = type(rows)({name: rows[name] for name in rows})
    how, _, kind = told["how"].partition(":")
    return {
        "xgboost": of_xgboost,
        "lightgbm": of_lightgbm,
        "skops": of_skops,
        "joblib": of_joblib,
        "onnx": of_onnx,
        "mlflow": of_mlflow,
    }[how](place / told["path"], rows, kind)


def of_xgboost(path, rows, kind):
    import xgboost

    model = getattr(xgboost, kind)()
    model.load_model(bytearray(path.read_bytes()))
    if kind == "Booster":
        data = xgboost.DMatrix(rows, enable_categorical=True)
        return {"predict": model.predict(data, validate_features=False)}
    return predicted(model, rows)


def of_lightgbm(path, rows, _):
    import lightgbm

    return {"predict": lightgbm.Booster(model_file=path).predict(rows)}


def of_skops(path, rows, _):
    import skops.io

    return predicted(skops.io.load(path, skops.io.get_untrusted_types(file=path)), rows)


def of_joblib(path, rows, _):
    import joblib

    return predicted(joblib.load(path), rows)


def of_onnx(path, rows, _):
    import onnxruntime

    one = onnxruntime.SessionOptions()
    one.intra_op_num_threads = 1  # sums of trees depend on it
    session = onnxruntime.InferenceSession(path, one)
    outputs = [each.name for each in session.get_outputs()]
    feeds = {session.get_inputs()[0].name: rows}
    return dict(zip(outputs, session.run(outputs, feeds), strict=True))


def of_mlflow(path, rows, _):
    import mlflow

    answer = mlflow.pyfunc.load_model(str(path)).predict(rows)
    if hasattr(answer, "columns"):
        return {name: answer[name].to_numpy() for name in answer.columns}
    return {"predict": np.asarray(answer)}


def predicted(model, rows):
    if not hasattr(model, "predict"):
        return plain("transform", model.transform(rows))
    found = {"predict": model.predict(rows)}
    if hasattr(model, "predict_proba"):
        found |= plain("predict_proba", model.predict_proba(rows))
    return found


def plain(name, answer):
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    if isinstance(answer, list):
        return {f"{name}_{place}": one for place, one in enumerate(answer)}
    if hasattr(answer, "columns"):
        return {column: answer[column].to_numpy() for column in answer.columns}
    return {name: answer}


def main(place: Path) -> None:
    warnings.simplefilter("ignore")
    for told in sorted(place.glob("*/case.json")):
        case = json.loads(told.read_text())
        found = answers(told.parent, case)
        with (told.parent / "want.pkl").open("wb") as file:
            pickle.dump({name: np.asarray(one) for name, one in found.items()}, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
