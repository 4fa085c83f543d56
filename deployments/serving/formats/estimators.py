"""Fitted models of scikit-learn, XGBoost and LightGBM, wherever they were read from."""

from collections.abc import Callable, Mapping
from typing import Any

from deployments.serving.formats import fitted_columns
from deployments.serving.formats.answers import OUTPUT
from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.fitted_columns import Columns
from deployments.serving.formats.library import LibraryModel, Method
from deployments.serving.formats.rows import INPUT, Matrix, ModelRows, inferred, signed
from deployments.serving.formats.schema import ModelSchema
from deployments.serving.terms import TargetRefused

PLATFORM = "sklearn_sklearn"
ALLOWED_METHODS = {
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "transform",
}
"""What may stand as `predict_fn` in an MLmodel, or be asked of a bare file."""
TAKEN = (
    "The model does not say which numbers it was fitted on: FP64 was taken. Log it "
    "with a signature (mlflow.models.infer_signature) for another type."
)


def estimator_model(
    estimator: Any,
    options: LoadOptions,
    known: Columns | None = None,
    called: Callable[[Method], Method] = lambda method: method,
) -> LibraryModel:
    """Return a fitted estimator as a model. Raises TargetRefused.

    `known` are the columns by its own library, if that is not scikit-learn,
    `called` how that library's methods are called.
    """
    _require_rows(estimator)
    methods = {
        name: called(method) for name, method in _methods(estimator, options).items()
    }
    names = tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
    width = int(getattr(estimator, "n_features_in_", len(names)) or 0)
    if known is None:
        known = fitted_columns.columns_of(estimator, width or 1)
    rows, is_guess = _rows(estimator, known, names or options.feature_names, options)
    if width == 0 and isinstance(rows, Matrix) and not options.manifest.inputs:
        raise TargetRefused(
            f"A {type(estimator).__name__} does not say how many columns it takes. Log "
            "it with mlflow and a signature (mlflow.models.infer_signature), or export "
            "it as ONNX."
        )
    declared = ModelSchema.of(options.manifest.outputs, OUTPUT).tensors
    model = LibraryModel(PLATFORM, rows, methods, options, declared)
    model.estimator = estimator
    if is_guess:
        model.notes.append(TAKEN)
    return model


def _rows(
    estimator: Any, known: Columns, names: tuple[str, ...], options: LoadOptions
) -> tuple[ModelRows, bool]:
    """Return the inputs, and whether their type is a guess."""
    keeps = type(estimator).__module__.startswith("xgboost.")
    schema = ModelSchema.of(options.manifest.inputs, INPUT)
    if schema.tensors:
        return signed(schema, known, names, keeps_unknown=keeps), False
    number = fitted_columns.number_type(estimator)
    rows = inferred(known, names, number=number or "FP64", keeps_unknown=keeps)
    if isinstance(rows, Matrix) and fitted_columns.wants_names(estimator):
        rows = Matrix(rows.given, names, as_table=True)
    return rows, not number and isinstance(rows, Matrix)


def _methods(estimator: Any, options: LoadOptions) -> Mapping[str, Method]:
    """Return the methods to call: of a classifier also `predict_proba`."""
    method = options.manifest.predict_fn or "predict"
    if method not in ALLOWED_METHODS:
        raise TargetRefused(
            f"The MLmodel asks for {method!r} of the model, which is not served here. "
            "Log it with pyfunc_predict_fn='predict' or 'predict_proba'."
        )
    if not hasattr(estimator, method) and not options.manifest.predict_fn:
        method = "transform"
    if not hasattr(estimator, method):
        raise TargetRefused(
            f"A {type(estimator).__name__} can neither predict nor transform new rows. "
            "Serve a model that can, such as a classifier fitted on its labels."
        )
    # MLflow calls the answer by no name, whatever the method.
    called = OUTPUT if options.manifest.predict_fn else method
    methods = {called: getattr(estimator, method)}
    if method == "predict" and hasattr(estimator, "predict_proba"):
        methods["predict_proba"] = estimator.predict_proba
    return methods


def _require_rows(estimator: Any) -> None:
    for each in fitted_columns.chain(estimator):
        if type(each).__name__ in fitted_columns.OF_RECORDS:
            raise TargetRefused(
                f"The model begins with a {type(each).__name__}, which takes "
                "dictionaries, not columns. Use a ColumnTransformer with a "
                "OneHotEncoder instead, or serve it as an MLflow python_function."
            )
