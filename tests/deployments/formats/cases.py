"""Real models, trained on real data and saved by the libraries themselves.

Run as a program it trains all of them, or those that are named, each into a folder of
its own: the saved file, `case.json` and the rows that a client has, pickled. Nothing
here knows how they are served.
"""

import io
import json
import pickle
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import joblib
import lightgbm as lgb
import numpy as np
import pandas as pd
import sklearn.datasets as real
import skops.io
import xgboost as xgb
from skl2onnx import to_onnx
from sklearn import (
    cluster,
    compose,
    decomposition,
    ensemble,
    feature_extraction,
    impute,
    linear_model,
    model_selection,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

CASES: dict[str, Callable[[], "Case"]] = {}
TOLD = "case.json"
ONE_MILLIONTH = 1e-6


@dataclass
class Case:
    """A saved model: `how` it is loaded by its library and asked there.

    `relative` is the largest difference that is allowed, 0 for the same library.
    """

    flavour: str
    how: str
    content: bytes
    rows: object
    compared: str = "predict"
    relative: float = 0.0
    converts: bool = False
    path: str = "model"


def case(make):
    CASES[make.__name__.replace("_", " ")] = make
    return make


def cancer():
    return real.load_breast_cancer(return_X_y=True, as_frame=True)


def digits():
    return real.load_digits(return_X_y=True)


def diabetes():
    return real.load_diabetes(return_X_y=True, as_frame=True)


def wine():
    return real.load_wine(return_X_y=True, as_frame=True)


def flowers():
    """Return iris with the species as words, and a column of words made of one."""
    bunch = real.load_iris(as_frame=True)
    table = bunch.data.rename(
        columns=lambda name: name.split(" (")[0].replace(" ", "_")
    )
    sizes = ["small", "middle", "large"]
    table["size"] = pd.cut(table["petal_length"], 3, labels=sizes).astype(str)
    table["place"] = pd.cut(table["sepal_width"], 2, labels=["shade", "sun"]).astype(
        str
    )
    return table, np.array(bunch.target_names)[bunch.target]


def texts():
    """Return the sentences of scikit-learn's own descriptions, labelled."""
    found = [
        (line.strip(), name)
        for name in ("load_wine", "load_diabetes", "load_digits")
        for line in getattr(real, name)().DESCR.splitlines()
        if len(line.split()) > 3
    ]
    return [text for text, _ in found], [name for _, name in found]


# XGBoost ------------------------------------------------------------------------------


def xgboost_file(model, form=".ubj"):
    path = Path(sys.argv[1]) / f"saving{form}"
    model.save_model(path)
    return path.read_bytes()


def xgb_case(model, rows, compared="predict, predict_proba", form=".ubj"):
    flavour = f"XGBoost {form[1:].upper()}"
    return Case(
        flavour,
        f"xgboost:{type(model).__name__}",
        xgboost_file(model, form),
        rows,
        compared,
    )


def stopped_early(kind, rows, labels, **more):
    first, last = slice(0, 300), slice(300, None)
    model = kind(n_estimators=200, early_stopping_rounds=3, learning_rate=0.5, **more)
    watched = [(rows[last], labels[last])]
    return model.fit(rows[first], labels[first], eval_set=watched, verbose=False)


@case
def xgb_classifier_early_stopping():
    rows, labels = cancer()
    return xgb_case(stopped_early(xgb.XGBClassifier, rows, labels), rows.to_numpy())


@case
def xgb_regressor_early_stopping():
    rows, labels = diabetes()
    model = stopped_early(xgb.XGBRegressor, rows, labels)
    return xgb_case(model, rows.to_numpy(), "predict", ".json")


@case
def xgb_classifier_multiclass():
    rows, labels = digits()
    return xgb_case(xgb.XGBClassifier(n_estimators=5).fit(rows, labels), rows)


@case
def xgb_classifier_softmax_objective():
    rows, labels = wine()
    model = xgb.XGBClassifier(n_estimators=5, objective="multi:softmax")
    return xgb_case(model.fit(rows, labels), rows.to_numpy())


@case
def xgb_classifier_dart():
    rows, labels = cancer()
    model = xgb.XGBClassifier(n_estimators=10, booster="dart", rate_drop=0.3)
    return xgb_case(model.fit(rows, labels), rows.to_numpy())


@case
def xgb_classifier_missing_values():
    rows, labels = cancer()
    rows = rows.mask(np.random.default_rng(0).random(rows.shape) < 0.1)
    return xgb_case(
        xgb.XGBClassifier(n_estimators=5).fit(rows, labels), rows.to_numpy()
    )


@case
def xgb_classifier_categories():
    rows, labels = flowers()
    rows = rows.astype({"size": "category", "place": "category"})
    codes = preprocessing.LabelEncoder().fit_transform(labels)
    model = xgb.XGBClassifier(n_estimators=5, enable_categorical=True)
    return xgb_case(model.fit(rows, codes), rows)


@case
def xgb_classifier_multilabel():
    rows, labels = digits()
    model = xgb.XGBClassifier(n_estimators=5)
    return xgb_case(model.fit(rows, np.c_[labels > 4, labels % 2].astype(int)), rows)


@case
def xgb_forest_classifier():
    rows, labels = cancer()
    model = xgb.XGBRFClassifier(n_estimators=10, random_state=0)
    return xgb_case(model.fit(rows, labels), rows.to_numpy())


@case
def xgb_ranker():
    rows, labels = digits()
    model = xgb.XGBRanker(n_estimators=5)
    return xgb_case(
        model.fit(rows, np.clip(labels, 0, 4), qid=np.arange(len(rows)) // 20),
        rows,
        "predict",
    )


@case
def xgb_regressor_linear():
    rows, labels = diabetes()
    model = xgb.XGBRegressor(n_estimators=5, booster="gblinear")
    return xgb_case(model.fit(rows, labels), rows, "predict")


@case
def xgb_regressor_several_outputs():
    rows, labels = diabetes()
    model = xgb.XGBRegressor(n_estimators=5, multi_strategy="multi_output_tree")
    return xgb_case(model.fit(rows, np.c_[labels, -labels]), rows.to_numpy(), "predict")


def trained(parameters, rows, labels, **more):
    data = xgb.DMatrix(rows, labels, **more)
    return xgb.train(parameters, data, 8)


@case
def xgb_booster_softprob():
    rows, labels = digits()
    model = trained({"objective": "multi:softprob", "num_class": 10}, rows, labels)
    return xgb_case(model, rows, "predict")


@case
def xgb_booster_softmax():
    rows, labels = digits()
    model = trained({"objective": "multi:softmax", "num_class": 10}, rows, labels)
    return xgb_case(model, rows, "predict", ".json")


@case
def xgb_booster_early_stopping():
    rows, labels = cancer()
    first, last = slice(0, 300), slice(300, None)
    watched = xgb.DMatrix(rows[last], labels[last])
    model = xgb.train(
        {"objective": "binary:logistic", "eta": 0.5},
        xgb.DMatrix(rows[first], labels[first]),
        200,
        [(watched, "watched")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    return xgb_case(model, rows.to_numpy(), "predict")


@case
def xgb_booster_survival():
    rows, labels = diabetes()
    data = xgb.DMatrix(rows)
    data.set_float_info("label_lower_bound", labels)
    data.set_float_info("label_upper_bound", labels * 1.1)
    model = xgb.train({"objective": "survival:aft"}, data, 8)
    return xgb_case(model, rows.to_numpy(), "predict")


@case
def xgb_booster_categories():
    rows, labels = flowers()
    rows = rows.astype({"size": "category", "place": "category"})
    codes = (labels == "setosa").astype(int)
    model = trained(
        {"objective": "binary:logistic"}, rows, codes, enable_categorical=True
    )
    return xgb_case(model, rows, "predict")


# LightGBM -----------------------------------------------------------------------------


def lgb_case(model, rows):
    content = model.model_to_string().encode()
    return Case("LightGBM text", "lightgbm:Booster", content, rows)


def boosted(parameters, rows, labels, rounds=8, **more):
    data = lgb.Dataset(rows, labels, **more)
    return lgb.train({"verbose": -1, **parameters}, data, rounds)


@case
def lgb_booster_binary_early_stopping():
    rows, labels = cancer()
    first, last = slice(0, 300), slice(300, None)
    data = lgb.Dataset(rows[first], labels[first])
    model = lgb.train(
        {"verbose": -1, "objective": "binary", "learning_rate": 0.5},
        data,
        100,
        [lgb.Dataset(rows[last], labels[last], reference=data)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    return lgb_case(model, rows.to_numpy())


@case
def lgb_booster_multiclass():
    rows, labels = digits()
    return lgb_case(
        boosted({"objective": "multiclass", "num_class": 10}, rows, labels), rows
    )


@case
def lgb_booster_categories():
    rows, labels = flowers()
    rows = rows.astype({"size": "category", "place": "category"})
    codes = (labels == "setosa").astype(int)
    return lgb_case(boosted({"objective": "binary"}, rows, codes), rows)


@case
def lgb_booster_linear_trees():
    rows, labels = diabetes()
    return lgb_case(boosted({"linear_tree": True}, rows, labels), rows.to_numpy())


@case
def lgb_booster_ranking():
    rows, labels = digits()
    groups = [20] * (len(rows) // 20) + [len(rows) % 20]
    parameters = {"objective": "lambdarank"}
    model = boosted(parameters, rows, np.clip(labels, 0, 4), group=groups)
    return lgb_case(model, rows)


# scikit-learn, and what else skops and pickles hold -----------------------------------


def skops_case(model, rows, compared="predict, predict_proba", **more):
    return Case("skops", "skops", skops.io.dumps(model), rows, compared, **more)


def joblib_case(model, rows, compared="predict, predict_proba"):
    file = io.BytesIO()
    joblib.dump(model, file)
    return Case("joblib", "joblib", file.getvalue(), rows, compared)


@case
def lgbm_classifier_labels():
    rows, labels = flowers()
    rows = rows.astype({"size": "category", "place": "category"})
    model = lgb.LGBMClassifier(n_estimators=5, verbose=-1).fit(rows, labels)
    return skops_case(model, rows)


@case
def lgbm_regressor():
    rows, labels = diabetes()
    model = lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(rows, labels)
    return skops_case(model, rows.to_numpy(), "predict")


@case
def lgbm_classifier_pickled():
    rows, labels = digits()
    model = lgb.LGBMClassifier(n_estimators=5, verbose=-1).fit(rows, labels > 4)
    return joblib_case(model, rows)


@case
def xgb_classifier_in_skops():
    rows, labels = cancer()
    return skops_case(stopped_early(xgb.XGBClassifier, rows, labels), rows.to_numpy())


@case
def forest_with_words():
    rows, labels = flowers()
    numbers = rows.columns[:4]
    model = ensemble.RandomForestClassifier(10, random_state=0)
    return skops_case(model.fit(rows[numbers], labels), rows[numbers].to_numpy())


@case
def impute_scale_logistic():
    rows, labels = cancer()
    rows = rows.mask(np.random.default_rng(0).random(rows.shape) < 0.1)
    model = pipeline.make_pipeline(
        impute.SimpleImputer(),
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(),
    )
    return skops_case(model.fit(rows, labels), rows.to_numpy())


def mixed():
    words = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="most_frequent"),
        preprocessing.OneHotEncoder(handle_unknown="ignore"),
    )
    return compose.make_column_transformer(
        (words, ["size", "place"]),
        (preprocessing.StandardScaler(), ["sepal_length", "petal_width"]),
    )


@case
def mixed_columns_logistic():
    rows, labels = flowers()
    model = pipeline.make_pipeline(mixed(), linear_model.LogisticRegression())
    return skops_case(model.fit(rows, labels), rows)


@case
def mixed_columns_pickled_forest():
    rows, labels = flowers()
    forest = ensemble.RandomForestClassifier(10, random_state=0)
    model = pipeline.make_pipeline(mixed(), forest)
    return joblib_case(model.fit(rows, labels), rows)


@case
def mixed_columns_grid_search():
    rows, labels = flowers()
    inner = pipeline.make_pipeline(mixed(), linear_model.LogisticRegression())
    grid = {"logisticregression__C": [0.1, 1.0]}
    return skops_case(model_selection.GridSearchCV(inner, grid).fit(rows, labels), rows)


@case
def ordinal_words_boosting():
    rows, labels = flowers()
    rows = rows.astype({"size": "category", "place": "category"})
    model = ensemble.HistGradientBoostingClassifier(max_iter=5)
    return skops_case(model.fit(rows, labels), rows)


@case
def text_naive_bayes():
    rows, labels = texts()
    model = pipeline.make_pipeline(
        feature_extraction.text.TfidfVectorizer(), naive_bayes.MultinomialNB()
    )
    return skops_case(model.fit(rows, labels), rows)


@case
def text_beside_numbers():
    rows, labels = texts()
    table = pd.DataFrame({"text": rows, "length": [float(len(row)) for row in rows]})
    both = compose.make_column_transformer(
        (feature_extraction.text.CountVectorizer(), "text"),
        (preprocessing.StandardScaler(), ["length"]),
    )
    model = pipeline.make_pipeline(both, linear_model.LogisticRegression(max_iter=500))
    return skops_case(model.fit(table, labels), table)


@case
def columns_by_name_of_numbers():
    rows, labels = diabetes()
    both = compose.make_column_transformer(
        (preprocessing.StandardScaler(), ["bmi", "bp"]), remainder="passthrough"
    )
    model = pipeline.make_pipeline(both, linear_model.Ridge())
    return skops_case(model.fit(rows, labels), rows, "predict")


@case
def kmeans_in_single_precision():
    rows, _ = digits()
    rows = rows.astype(np.float32)
    model = cluster.KMeans(10, random_state=0, n_init=1)
    return skops_case(model.fit(rows), rows, "predict")


@case
def logistic_in_single_precision():
    rows, labels = digits()
    rows = rows.astype(np.float32)
    model = linear_model.LogisticRegression(max_iter=50)
    return skops_case(model.fit(rows, labels), rows)


@case
def tuned_threshold():
    rows, labels = cancer()
    inner = pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear_model.LogisticRegression()
    )
    model = model_selection.TunedThresholdClassifierCV(inner, scoring="accuracy")
    return joblib_case(model.fit(rows, labels), rows.to_numpy())


@case
def fixed_threshold():
    rows, labels = cancer()
    inner = ensemble.RandomForestClassifier(10, random_state=0)
    model = model_selection.FixedThresholdClassifier(inner, threshold=0.8)
    return skops_case(model.fit(rows, labels), rows.to_numpy())


@case
def several_labels():
    rows, labels = digits()
    model = multioutput.MultiOutputClassifier(tree.DecisionTreeClassifier(max_depth=5))
    both = np.c_[labels > 4, labels % 3]
    return skops_case(model.fit(rows, both), rows)


@case
def several_targets():
    rows, labels = diabetes()
    model = linear_model.LinearRegression().fit(rows, np.c_[labels, labels**2])
    return skops_case(model, rows.to_numpy(), "predict")


@case
def support_vectors_without_probabilities():
    rows, labels = flowers()
    numbers = rows.columns[:4]
    model = svm.SVC().fit(rows[numbers], labels)
    return skops_case(model, rows[numbers].to_numpy(), "predict")


@case
def neighbours():
    rows, labels = wine()
    model = neighbors.KNeighborsClassifier().fit(rows, labels)
    return skops_case(model, rows.to_numpy())


@case
def perceptron():
    rows, labels = wine()
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        neural_network.MLPClassifier((8,), random_state=0, max_iter=300),
    )
    return skops_case(model.fit(rows, labels), rows.to_numpy())


@case
def outliers():
    rows, _ = wine()
    model = ensemble.IsolationForest(n_estimators=10, random_state=0).fit(
        rows.to_numpy()
    )
    return skops_case(model, rows.to_numpy(), "predict")


@case
def components():
    rows, _ = digits()
    return skops_case(decomposition.PCA(5).fit(rows), rows, "transform")


@case
def one_hot_sparse():
    rows, _ = flowers()
    model = preprocessing.OneHotEncoder(handle_unknown="ignore")
    words = rows[["size", "place"]]
    return skops_case(model.fit(words), words, "transform")


@case
def scaled_as_a_table():
    rows, _ = wine()
    model = preprocessing.StandardScaler().set_output(transform="pandas")
    return joblib_case(model.fit(rows), rows, "transform")


@case
def stacked():
    rows, labels = wine()
    parts = [
        ("trees", ensemble.RandomForestClassifier(5, random_state=0)),
        ("bayes", naive_bayes.GaussianNB()),
    ]
    model = ensemble.StackingClassifier(parts, cv=3).fit(rows, labels)
    return skops_case(model, rows.to_numpy())


# ONNX, and conversions ---------------------------------------------------------------


def onnx_case(model, rows):
    made = to_onnx(model, rows[:1], options={id(model): {"zipmap": False}})
    return Case("ONNX", "onnx", made.SerializeToString(), rows, "all outputs")


@case
def onnx_forest():
    rows, labels = digits()
    rows = rows.astype(np.float32)
    model = ensemble.RandomForestClassifier(10, random_state=0).fit(rows, labels)
    return onnx_case(model, rows)


@case
def onnx_perceptron():
    rows, labels = digits()
    rows = rows.astype(np.float32)
    model = neural_network.MLPClassifier((16,), random_state=0, max_iter=30)
    return onnx_case(model.fit(rows, labels), rows)


def converted(model, rows, compared="predict, predict_proba"):
    return skops_case(model, rows, compared, relative=ONE_MILLIONTH, converts=True)


@case
def converted_logistic():
    rows, labels = cancer()
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear_model.LogisticRegression()
    )
    return converted(model.fit(rows, labels), rows.to_numpy())


@case
def converted_line():
    rows, labels = diabetes()
    model = linear_model.LinearRegression().fit(rows, labels)
    return converted(model, rows.to_numpy(), "predict")


@case
def converted_tree():
    rows, labels = wine()
    model = tree.DecisionTreeClassifier(random_state=0).fit(rows, labels)
    return converted(model, rows.to_numpy())


@case
def converted_forest_of_numbers():
    rows, labels = diabetes()
    model = ensemble.RandomForestRegressor(10, random_state=0).fit(rows, labels)
    return converted(model, rows.to_numpy(), "predict")


def write(name: str, made: Case, place: Path) -> None:
    place.mkdir(parents=True)
    (place / made.path).write_bytes(made.content)
    with (place / "rows.pkl").open("wb") as file:
        pickle.dump(made.rows, file)
    told = asdict(made)
    del told["content"], told["rows"]
    (place / TOLD).write_text(json.dumps({"name": name, **told}))


def main(place: Path, wanted: list[str]) -> None:
    warnings.simplefilter("ignore")
    np.random.seed(0)
    for name in wanted or CASES:
        write(name, CASES[name](), place / name.replace(" ", "_"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
