"""Deployments: served, asked, replaced, rolled back, refused, ended, watched."""

import json
from typing import Any

import numpy as np

from mlops.demo.api import ApiError
from tests.deployments.targets.waiting import until
from tests.releases.callers import Caller
from tests.releases.telling.data import COLUMNS, SEED
from tests.releases.telling.training import BOOSTER, CHURN, LOGGED
from tests.releases.telling.world import L, World

DEPLOYMENTS = f"{L}/deployments"
RESTING = {"active", "failed", "terminated", "rollback"}
RULES, WATCHES = "/admin/deployments/environmentrule", "/admin/deployments/driftrule"
HOOKS = "/admin/deployments/alerthook"
TOLD = 3
"""Alerts that come at least: of a feature that broke, of drift, of the last event."""
BATCHES, BATCH_ROWS = 52, 10
ENVIRONMENTS = ("development", "staging", "production")


def set_rules(world: World) -> None:
    """Have production keep every request, and alerts told to somebody."""
    world.staff.submit(f"{RULES}/production/change/", {"sample_rate": "1"})
    given = {"name": "watch room", "url": world.room.url, "least_severity": "medium"}
    world.staff.submit(f"{HOOKS}/add/", {**given, "is_enabled": "on"})


def deploy(world: World) -> None:
    """Serve ONNX, skops and an MLflow folder; let one fail and one be ended."""
    _deploy(world, "first", f"{CHURN}:1", "production")
    _deploy(world, "folder", "booster:1", "staging")
    _deploy(world, "ended", f"{CHURN}:2", "development")
    _deploy(world, "skops", f"{CHURN}:3", "development")
    _deploy(world, "broken", "broken:1", "development", "failed")
    key = {"name": "shop", "rate_per_minute": 100_000, "daily_quota": 1_000_000}
    made = world.deployer.post(_of(world, "first", "/keys"), key)
    world.ids["key"], world.tokens["key"] = made["id"], made["key"]
    spare = world.deployer.post(_of(world, "first", "/keys"), {"name": "spare"})
    world.tokens["revoked key"] = spare["key"]
    world.deployer.delete(_of(world, "first", f"/keys/{spare['id']}"))


def ask(world: World) -> None:
    """Send requests that fit and some that do not, and compare them for drift."""
    rows = np.random.default_rng(SEED).normal(1.0, 2.0, (BATCHES, BATCH_ROWS, 3))
    shop = Caller(world.stack.serving_url, world.tokens["key"])
    for batch in rows.round(3):
        shop.post(infer("production", CHURN), tensor(batch.tolist()))
    shop.is_refused(400, infer("production", CHURN), tensor([[1.0, 2.0]]))
    folder = world.scientist.at(world.stack.serving_url)
    folder.post("/serving/staging/booster", booster_request())
    _counted(world)
    _compared(world)


def move_on(world: World) -> None:
    """Bring the second version up as a canary, promote it, roll it back."""
    canary = {"type": "canary", "steps": [50], "seconds_per_step": 3600}
    _request(world, "second", f"{CHURN}:2", "production", strategy=canary)
    world.scientist.wait(
        _of(world, "second"), lambda one: (one["traffic_percent"] or 0) >= 50
    )
    world.deployer.post(_of(world, "second", "/promote"), {})
    _resting(world, "second", "active")
    reason = {"reason": "정확도가 낮음"}
    undone = world.deployer.post(_of(world, "second", "/rollback"), reason)
    world.ids["restored"] = undone["id"]
    _resting(world, "restored", "active")


def settle(world: World) -> None:
    """Wait for what follows by itself; then let nothing more happen by itself."""
    checks = _of(world, "restored", "/drift")
    world.scientist.wait(
        checks, lambda all_: any(one["subject"] == "dataset" for one in all_)
    )
    event = {"model_name": CHURN, "version": "1", "severity": "high"}
    figure = {"metric_name": "psi", "metric_value": 0.4, "threshold": 0.25}
    world.scientist.post(f"{L}/drift-events", {**event, **figure, "message": "이동"})
    until(lambda: world.room.told >= TOLD, 120)
    hook = {"is_enabled": None}
    world.staff.submit(world.staff.first_of(f"{HOOKS}/"), hook)
    for environment in ENVIRONMENTS:
        off = {"watches_requests": None, "watches_datasets": None}
        world.staff.submit(f"{WATCHES}/{environment}/change/", off)
    world.staff.submit(f"{RULES}/production/change/", {"sample_rate": "0"})


def infer(environment: str, model: str) -> str:
    return f"/serving/{environment}/{model}/v2/models/{model}/infer"


def tensor(rows: list[list[float]], name: str = "features") -> dict[str, Any]:
    shape = [len(rows), len(rows[0])]
    flat = [value for row in rows for value in row]
    one = {"name": name, "shape": shape, "datatype": "FP32", "data": flat}
    return {"inputs": [one]}


def booster_request() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((LOGGED / BOOSTER / "asked.json").read_text())
    return found


def _deploy(
    world: World, name: str, model: str, environment: str, status: str = "active"
) -> None:
    _request(world, name, model, environment)
    _resting(world, name, status)


def _request(
    world: World, name: str, model: str, environment: str, **more: object
) -> None:
    body = {"model_id": model, "environment": environment, **more}
    note = {"deployment_notes": f"The {name} one", "endpoint_config": {"instances": 1}}
    world.ids[name] = world.deployer.post(DEPLOYMENTS, {**body, **note})["id"]


def _resting(world: World, name: str, status: str) -> None:
    found = world.scientist.wait(_of(world, name), lambda one: one["status"] in RESTING)
    assert found["status"] == status, (name, found)


def _of(world: World, name: str, part: str = "") -> str:
    return f"{DEPLOYMENTS}/{world.ids[name]}{part}"


def _counted(world: World) -> None:
    """Wait until every request of the first deployment is in its figures."""
    world.scientist.wait(
        _of(world, "first"),
        lambda one: (one["metrics"] or {}).get("request_count", 0) > BATCHES,
    )


def _compared(world: World) -> None:
    """Compare what was asked with the training data, once it is there as rows."""
    made: list[dict[str, Any]] = []

    def is_done(_: object) -> bool:
        try:
            path = _of(world, "first", "/drift")
            made.append(world.deployer.post(path, {"window_s": 3600}))
        except ApiError as error:
            if error.status != 404:  # nothing is kept yet
                raise
        return bool(made) and made[-1]["row_count"] == BATCHES * BATCH_ROWS

    world.scientist.wait(_of(world, "first"), is_done)
    world.ids["drift check"] = made[-1]["id"]
    assert COLUMNS[0] in {one["column"] for one in made[-1]["findings"]}, made[-1]
