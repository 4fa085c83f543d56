"""Chapters 4, 8 and 9: deployed, asked, replaced, rolled back."""

import time
from datetime import date
from typing import Any

import numpy as np

from mlops.demo.api import POLL_S, TIMEOUT_S, Api, ApiError
from mlops.demo.panel import Panel
from mlops.demo.story.cast import LIFECYCLE, MODEL, StoryCast
from mlops.demo.story.registry import FIRST_VERSION, SECOND_VERSION
from mlops.demo.training import INPUT_NAME, tensor

DEPLOYMENTS = f"{LIFECYCLE}/deployments"
ENVIRONMENT = "production"
RESTING = {"active", "failed", "terminated", "rollback"}
CRISIS_OF_2008 = (date(2008, 7, 1), date(2009, 1, 1))
SPRING_OF_2020 = (date(2020, 3, 1), date(2020, 6, 1))
PREDICTIONS = 50
SEED = 11


def deploy_first(cast: StoryCast) -> None:
    if not _deployments(cast, FIRST_VERSION):
        _deploy(cast, FIRST_VERSION, notes="The first one")
        _predict(cast, FIRST_VERSION, CRISIS_OF_2008)


def deploy_second(cast: StoryCast) -> None:
    if not _deployments(cast, SECOND_VERSION):
        _deploy(cast, SECOND_VERSION, notes="Trained after the drift")


def roll_back(cast: StoryCast) -> None:
    """Ask the second model, and return to the first: the way back is rehearsed."""
    if is_rolled_back(cast):
        return
    hits = _predict(cast, SECOND_VERSION, SPRING_OF_2020)
    undone = _deployments(cast, SECOND_VERSION)[0]
    reason = f"Rehearsal, after {hits} of {PREDICTIONS} right in spring 2020"
    with cast.step(f"Rolled back to {MODEL} {FIRST_VERSION}"):
        restored = cast.scientist.post(
            f"{DEPLOYMENTS}/{undone['id']}/rollback", {"reason": reason}
        )
        _wait_until_active(cast, restored["id"])
    _predict(cast, FIRST_VERSION, SPRING_OF_2020)


def is_rolled_back(cast: StoryCast) -> bool:
    return any(one["rollback_from"] for one in _deployments(cast, FIRST_VERSION))


def _deployments(cast: StoryCast, version: str) -> list[dict[str, Any]]:
    """Return the version's deployments that did not fail, newest first."""
    found = cast.scientist.get(DEPLOYMENTS, model_name=MODEL, environment=ENVIRONMENT)
    return [
        one
        for one in found
        if one["model_version"] == version and one["status"] != "failed"
    ]


def _deploy(cast: StoryCast, version: str, *, notes: str) -> None:
    body = {
        "model_id": f"{MODEL}:{version}",
        "environment": ENVIRONMENT,
        "endpoint_config": {"instances": 1},
        "deployment_notes": notes,
    }
    with cast.step(f"Deployed {MODEL} {version} to {ENVIRONMENT}"):
        deployment = cast.scientist.post(DEPLOYMENTS, body)
        _wait_until_active(cast, deployment["id"])


def _wait_until_active(cast: StoryCast, deployment_id: str) -> None:
    deployment = cast.scientist.wait(
        f"{DEPLOYMENTS}/{deployment_id}", lambda answer: answer["status"] in RESTING
    )
    if deployment["status"] != "active":
        raise ApiError(
            f"Deployment {deployment_id} is {deployment['status']}: "
            f"{deployment['error_message']}"
        )


def _predict(cast: StoryCast, version: str, period: tuple[date, date]) -> int:
    """Ask for single rows of the period; return how many answers came true."""
    deployment = next(
        one for one in _deployments(cast, version) if one["status"] == "active"
    )
    rows = _some(cast.panel.between(*period).complete())
    model = cast.scientist.at(deployment["endpoint"])
    with cast.step(f"Asked {MODEL} {version} for {PREDICTIONS} predictions"):
        _wait_until_routed(model)
        answers = [_ask(model, features) for features in rows.features]
        hits = int(np.sum(np.array(answers) == (rows.target > 0)))
    cast.say(f"  {hits} of {PREDICTIONS} came true")
    return hits


def _some(panel: Panel) -> Panel:
    chosen = np.random.default_rng(SEED).choice(len(panel.dates), PREDICTIONS)
    return panel.take(chosen)


def _wait_until_routed(model: Api) -> None:
    """Wait for the gateway, which learns of a switch a moment after the database."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            model.get("/v2/health/ready")
        except ApiError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
        else:
            return


def _ask(model: Api, features: np.ndarray) -> int:
    row = features[np.newaxis].astype(np.float32)
    answer = model.post(
        f"/v2/models/{MODEL}/infer", {"inputs": [tensor(INPUT_NAME, "FP32", row)]}
    )
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    return int(outputs["label"][0])
