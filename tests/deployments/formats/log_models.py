"""Logs small models with the MLflow client, and what its pyfunc answers.

Run by a Python that has mlflow, xgboost, lightgbm, scikit-learn, skops and skl2onnx:
`python log_models.py FOLDER`. Each model becomes a folder as the client wrote it, with
`asked.json`, the request body, and `answered.json`, the outputs by name, beside it.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
import xgboost as xgb
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn import compose, ensemble, linear_model, pipeline, preprocessing
from sklearn.datasets import load_iris

KEPT = {"MLmodel", "input_example.json", "serving_input_example.json"}


def flowers():
    bunch = load_iris(as_frame=True)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    table = bunch.data.set_axis(names, axis=1)
    sizes = ["small", "middle", "large"]
    table["size"] = pd.cut(table["petal_length"], 3, labels=sizes).astype(str)
    return table, np.array(bunch.target_names)[bunch.target], bunch.target.to_numpy()


TABLE, WORDS, CODES = flowers()
NUMBERS = TABLE.drop(columns="size")


def xgb_classifier(place):
    model = xgb.XGBClassifier(n_estimators=30, max_depth=2, early_stopping_rounds=2)
    model.fit(NUMBERS, CODES, eval_set=[(NUMBERS[::3], CODES[::3])], verbose=False)
    save(mlflow.xgboost, model, NUMBERS, place, xgb_model=model)


def xgb_booster(place):
    data = xgb.DMatrix(NUMBERS, CODES == 1)
    model = xgb.train({"objective": "binary:logistic", "max_depth": 2}, data, 3)
    answer = model.predict(xgb.DMatrix(NUMBERS))
    signature = infer_signature(NUMBERS, answer)
    mlflow.xgboost.save_model(model, place, signature=signature)


def lgbm_classifier(place):
    model = lgb.LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1)
    model.fit(NUMBERS, WORDS)
    types = ["collections.OrderedDict", "lightgbm.basic.Booster"]
    types.append("lightgbm.sklearn.LGBMClassifier")
    save(mlflow.lightgbm, model, NUMBERS, place, skops_trusted_types=types)


def lgbm_booster(place):
    data = lgb.Dataset(NUMBERS, CODES == 1)
    model = lgb.train({"objective": "binary", "verbose": -1, "num_leaves": 4}, data, 3)
    save(mlflow.lightgbm, model, NUMBERS, place)


def mixed():
    words = preprocessing.OneHotEncoder(handle_unknown="ignore")
    both = compose.make_column_transformer(
        (words, ["size"]), (preprocessing.StandardScaler(), ["petal_width"])
    )
    return pipeline.make_pipeline(both, linear_model.LogisticRegression())


def mixed_columns(place):
    save(mlflow.sklearn, mixed().fit(TABLE, WORDS), TABLE, place)


def probabilities(place):
    model = mixed().fit(TABLE, WORDS)
    signature = infer_signature(TABLE, model.predict_proba(TABLE))
    mlflow.sklearn.save_model(
        model, place, signature=signature, pyfunc_predict_fn="predict_proba"
    )


def forest_of_tensors(place):
    rows = NUMBERS.to_numpy(np.float32)
    model = ensemble.RandomForestClassifier(3, max_depth=2, random_state=0)
    model.fit(rows, CODES)
    types = ["sklearn.tree._tree.Tree"]
    save(mlflow.sklearn, model, rows, place, skops_trusted_types=types)


def onnx_line(place):
    rows = NUMBERS.astype(np.float32)
    model = linear_model.LinearRegression().fit(rows, CODES)
    made = to_onnx(model, rows.to_numpy()[:1])
    signature = infer_signature(NUMBERS, model.predict(rows))
    mlflow.onnx.save_model(made, place, signature=signature)


def save(flavour, model, rows, place, **more):
    signature = infer_signature(rows, model.predict(rows))
    keywords = {"signature": signature, "input_example": rows[:3], **more}
    keywords.pop("xgb_model", None)
    flavour.save_model(model, place, **keywords)


def body(rows):
    if hasattr(rows, "columns"):
        split = rows.to_dict("split")
        return {"dataframe_split": {"columns": split["columns"], "data": split["data"]}}
    return {"instances": rows.tolist()}


def record(log, place):
    warnings.simplefilter("ignore")
    log(place)
    rows = TABLE if log in (mixed_columns, probabilities) else NUMBERS
    if log is forest_of_tensors:
        rows = NUMBERS.to_numpy(np.float32)
    answer = mlflow.pyfunc.load_model(str(place)).predict(rows)
    if hasattr(answer, "columns"):
        found = {name: answer[name].tolist() for name in answer.columns}
    else:
        found = {"predict": np.asarray(answer).tolist()}
    for each in place.iterdir():
        is_model = each.name.startswith("model.")
        if each.is_dir():
            shutil.rmtree(each)
        elif each.name not in KEPT and not is_model:
            each.unlink()
    (place / "asked.json").write_text(json.dumps(body(rows)))
    (place / "answered.json").write_text(json.dumps(found))


LOGGED = [
    xgb_classifier,
    xgb_booster,
    lgbm_classifier,
    lgbm_booster,
    mixed_columns,
    probabilities,
    forest_of_tensors,
    onnx_line,
]

if __name__ == "__main__":
    for each in LOGGED:
        record(each, Path(sys.argv[1]) / each.__name__)
