"""scikit-learn models are served as ONNX where that was asked for and is the same."""

import http.client
import json
import socket

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deployments.serving.formats import LoadOptions, load
from deployments.serving.formats.conversion import convert
from deployments.serving.oip.datatypes import NUMPY
from deployments.serving.terms import TargetRefused
from tests.deployments.targets import models
from tests.deployments.targets.suite import is_gone, serve
from tests.deployments.targets.waiting import until

SPECIES = np.array(["setosa", "versicolor", "virginica"])
ESTIMATORS = {
    "forest": (models.forest, False),
    "line": (LinearRegression, False),
    "forest of numbers": (lambda: RandomForestRegressor(5), False),
    "boosted numbers": (lambda: GradientBoostingRegressor(n_estimators=5), False),
}


def fitted(name):
    make, has_names = ESTIMATORS[name]
    rows, labels = models.iris()
    return make().fit(rows, SPECIES[labels] if has_names else labels)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_converted_model_answers_as_the_estimator_does(name):
    model = load(skops.io.dumps(fitted(name)), LoadOptions())
    rows = models.iris()[0].astype(NUMPY[model.inputs[0].datatype])

    converted = load(convert(model, LoadOptions()), LoadOptions())

    want = dict(model.predict({"input": rows}, ()))
    got = dict(converted.predict({"input": rows}, ()))
    assert want.keys() == got.keys()
    for output, values in want.items():
        assert got[output].shape == values.shape
        if values.dtype.kind in "OU":
            assert (got[output].astype(str) == values.astype(str)).all()
        else:
            np.testing.assert_allclose(got[output], values, rtol=1e-6, atol=1e-6)


def test_probabilities_that_differ_by_more_than_a_millionth_are_not_converted():
    rows, labels = models.iris()
    scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
    model = load(skops.io.dumps(scaled), LoadOptions())

    with pytest.raises(TargetRefused, match="differs on some rows"):
        convert(model, LoadOptions())


def test_names_of_columns_are_kept():
    model = load(models.skops_bytes(), LoadOptions(feature_names=("a", "b", "c", "d")))

    assert load(convert(model, LoadOptions()), LoadOptions()).feature_names[0] == "a"


@pytest.mark.filterwarnings("ignore")
def test_what_answers_otherwise_is_not_converted():
    estimator = LocalOutlierFactor(novelty=True).fit(models.iris()[0])
    content = models.pickle.dumps(estimator)
    model = load(content, LoadOptions(allows_code=True))

    with pytest.raises(TargetRefused, match=r"\w+"):
        convert(model, LoadOptions())


@pytest.mark.parametrize("content", [models.skops_bytes, models.joblib_bytes])
def test_a_converted_file_is_what_serves(local, made, content):
    spec = made(content(), converts=True, allows_code=True)

    found = until(lambda: local.validate(spec))
    serve(local, spec)

    assert (found.platform, found.conversion) == (
        "sklearn_sklearn",
        "converted to ONNX",
    )
    assert metadata(local, spec)["platform"] == "onnx_onnxv1"
    assert not list(local._folders.conversions.glob("*.part"))
    local.stop(spec.deployment_id)
    until(lambda: is_gone(local, spec))


def test_what_cannot_be_converted_serves_as_it_is_and_says_so(local, made):
    content = models.pickled(
        "type('Own', (), {'n_features_in_': 4, 'predict': lambda self, r: r[:, 0]})()"
    )
    spec = made(content, converts=True, allows_code=True)

    found = until(lambda: local.validate(spec))
    serve(local, spec)

    assert found.conversion.startswith("not converted to ONNX (")
    assert metadata(local, spec)["platform"] == "sklearn_sklearn"
    local.stop(spec.deployment_id)
    until(lambda: is_gone(local, spec))


def metadata(target, spec):
    backend = json.loads(target._folders.backend(spec.deployment_id).read_bytes())
    connection = http.client.HTTPConnection("model")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(backend["sockets"][-1])
    connection.request("GET", "/v2/models/iris")
    found = json.loads(connection.getresponse().read())
    connection.close()
    return found
