"""A model learns from calm years, serves for real, meets a crisis, and is caught.

The demo's first model was trained on 1991 to 2004. Here it serves in two
environments, through the gateway: one is asked about years like those it has seen,
the other about the autumn of 2008. Whoever looks at drift events hears of one only.
"""

from datetime import date

import numpy as np
import pytest

from mlops.demo.api import Api, ApiError
from mlops.demo.panel import load
from mlops.demo.story.cast import LIFECYCLE, MODEL
from mlops.demo.training import INPUT_NAME, tensor
from tests.demo.live import LiveStack

pytestmark = pytest.mark.slow
CALM = date(1992, 1, 1), date(2004, 1, 1)
CRISIS = date(2008, 9, 1), date(2009, 1, 1)
BATCHES, BATCH_ROWS = 30, 50
WAIT_S = 120.0
NOTHING_KEPT_YET = 404


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = LiveStack(tmp_path_factory.mktemp("drift"))
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def scientist(stack):
    return Api(stack.url, stack.tokens["scientist"])


@pytest.fixture(scope="module")
def deployments(stack, scientist):
    """Return the model's deployments by environment, each asked about its years."""
    stack.manage("shell", "-c", KEEP_EVERY_REQUEST)
    body = {"model_id": f"{MODEL}:1.0.0", "environment": "development"}
    made = scientist.post(f"{LIFECYCLE}/deployments", body)
    scientist.wait(
        f"{LIFECYCLE}/deployments/{made['id']}", lambda one: one["status"] == "active"
    )
    serving = scientist.get(f"{LIFECYCLE}/deployments", status="active")
    found = {one["environment"]: one for one in serving}
    panel = load().complete()
    ask(scientist, found["development"], panel.between(*CALM))
    ask(scientist, found["production"], panel.between(*CRISIS))
    return found


KEEP_EVERY_REQUEST = (
    "from deployments.models import EnvironmentRule;"
    "EnvironmentRule.objects.update(sample_rate=1.0)"
)


def ask(scientist, deployment, panel):
    """Ask for predictions of random rows, once the gateway keeps requests."""
    model = scientist.at(deployment["endpoint"])
    chance = np.random.default_rng(1)
    for _ in range(BATCHES):
        rows = panel.features[chance.integers(len(panel.dates), size=BATCH_ROWS)]
        inputs = {"inputs": [tensor(INPUT_NAME, "FP32", rows.astype(np.float32))]}
        model.post(f"/v2/models/{MODEL}/infer", inputs)


def checked(scientist, deployment):
    """Check the deployment's drift, as soon as its requests are there as rows."""
    path = f"{LIFECYCLE}/deployments/{deployment['id']}/drift"
    made = []

    def is_done(_):
        try:
            made.append(scientist.post(path, {"window_s": 3600}))
        except ApiError as trouble:
            if trouble.status != NOTHING_KEPT_YET:
                raise
        return bool(made) and made[-1]["row_count"] >= 500

    scientist.wait(path, is_done, timeout_s=WAIT_S)
    return made[-1]


def test_years_like_those_it_has_seen_are_no_drift(scientist, deployments):
    check = checked(scientist, deployments["development"])

    assert check["reference"] == "sp500-panel:1"
    assert check["level"] in {"none", "warning"}
    assert not [one for one in check["findings"] if one["severity"] == "critical"]


def test_the_crisis_is_caught_as_a_drift_event(scientist, deployments):
    check = checked(scientist, deployments["production"])

    volatility = next(one for one in check["findings"] if one["column"] == "vol_21d")
    assert check["level"] == "drift"
    assert volatility["severity"] in {"high", "critical"}
    events = scientist.get(f"{LIFECYCLE}/drift-events", model_name=MODEL)
    seen = [one for one in events if "rows of requests" in (one["message"] or "")]
    assert any(one["metric_name"].endswith(".vol_21d") for one in seen)
    assert all(one["version"] == "1.0.0" for one in seen)


def test_the_new_years_of_the_dataset_were_noticed_by_the_schedule(
    scientist, deployments
):
    path = f"{LIFECYCLE}/deployments/{deployments['production']['id']}/drift"

    checks = scientist.wait(
        path,
        lambda found: any(one["subject"] == "dataset" for one in found),
        timeout_s=WAIT_S,
    )

    check = next(one for one in checks if one["subject"] == "dataset")
    assert (check["reference"], check["current"]) == ("sp500-panel:1", "sp500-panel:2")
    assert check["findings"]
