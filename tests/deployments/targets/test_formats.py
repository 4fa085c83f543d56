"""Every format is told by content, loads, and predicts what its library does."""

import numpy as np
import pytest
import skops.io
import xgboost
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as status
from sklearn.datasets import load_iris
from sklearn.utils import all_estimators

from deployments.serving.formats import LoadOptions, ModelFormat, load, onnx, sniff
from deployments.serving.formats.base import synthetic_inputs
from deployments.serving.terms import TargetRefused
from tests.deployments.targets import models

FILES = {
    ModelFormat.ONNX: models.onnx_bytes,
    ModelFormat.SKOPS: models.skops_bytes,
    ModelFormat.XGBOOST: models.xgboost_bytes,
    ModelFormat.LIGHTGBM: models.lightgbm_bytes,
    ModelFormat.PICKLE: models.joblib_bytes,
}


@pytest.mark.parametrize("wanted", FILES)
def test_the_content_tells_the_format(wanted):
    assert sniff(FILES[wanted]()) is wanted


def test_xgboost_json_is_told_too():
    assert sniff(models.xgboost_bytes("json")) is ModelFormat.XGBOOST


@pytest.mark.parametrize("found", FILES)
def test_a_made_up_row_fits_what_the_model_says_of_itself(found):
    model = load(FILES[found](), LoadOptions(allows_code=True))

    answers = model.predict(synthetic_inputs(model.inputs), ())

    assert [name for name, _ in answers] == [each.name for each in model.outputs]
    for (_, array), tensor in zip(answers, model.outputs, strict=True):
        assert array.shape[1:] == tensor.shape[1:]


@pytest.mark.parametrize(
    "found", [ModelFormat.ONNX, ModelFormat.SKOPS, ModelFormat.PICKLE]
)
def test_forests_agree_with_scikit_learn(found):
    rows, _ = models.iris()
    model = load(FILES[found](), LoadOptions(allows_code=True))
    given = model.inputs[0]
    dtype = np.float32 if given.datatype == "FP32" else np.float64

    answers = model.predict({given.name: rows.astype(dtype)}, ())

    np.testing.assert_array_equal(answers[0][1], models.forest().predict(rows))
    np.testing.assert_allclose(
        answers[1][1], models.forest().predict_proba(rows), atol=1e-5
    )


@pytest.mark.parametrize("form", ["ubj", "json"])
def test_xgboost_agrees_with_itself(form):
    rows, _ = models.iris()
    booster = xgboost.Booster()
    booster.load_model(bytearray(models.xgboost_bytes()))
    model = load(models.xgboost_bytes(form), LoadOptions())

    ((_, got),) = model.predict({"input": rows}, ())

    want = booster.predict(xgboost.DMatrix(rows), validate_features=False)
    np.testing.assert_allclose(got, want, atol=1e-6)
    assert model.feature_names == ("a", "b", "c", "d")


def test_a_zipmap_becomes_rows_of_numbers():
    model = load(models.onnx_bytes(zipmap=True), LoadOptions())

    answers = dict(model.predict({"X": models.iris()[0][:2]}, ()))

    assert answers["output_probability"].shape == (2, 3)


def test_only_wanted_outputs_are_returned():
    model = load(models.skops_bytes(), LoadOptions())

    answers = model.predict(synthetic_inputs(model.inputs), ["predict_proba"])

    assert [name for name, _ in answers] == ["predict_proba"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_the_allow_list_covers_scikit_learns_plain_estimators(kind):
    rows, labels = load_iris(return_X_y=True)
    refused = {}
    tried = 0
    for name, estimator in all_estimators(kind):
        try:
            content = skops.io.dumps(estimator().fit(np.abs(rows), labels))
        except (TypeError, ValueError):  # needs arguments, or other labels
            continue
        tried += 1
        try:
            load(content, LoadOptions())
        except TargetRefused as error:
            refused[name] = str(error)
    assert tried > 20
    assert len(refused) <= tried // 10, refused


@pytest.mark.parametrize("name", ["ModelRequiresCompilation", "NotFound", "NoModel"])
def test_every_status_that_onnxruntime_ends_a_load_with_is_a_refusal(name):
    assert issubclass(getattr(status, name), onnx.RAISED)


def test_a_file_compiled_for_other_hardware_is_refused():
    given, answer = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"
    ]
    node = helper.make_node(
        "EPContext", ["x"], ["y"], domain="com.microsoft", ep_cache_context=b"x"
    )
    graph = helper.make_graph([node], "compiled", [given], [answer])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)

    with pytest.raises(TargetRefused):
        load(made.SerializeToString(), LoadOptions())
