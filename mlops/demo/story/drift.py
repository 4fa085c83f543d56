"""Chapter 5: the new rows no longer look like those the model has learnt from."""

from typing import Any

from mlops.demo.story.cast import DATASET, LIFECYCLE, MODEL, StoryCast
from mlops.demo.story.registry import FIRST_VERSION


def notice_drift(cast: StoryCast) -> None:
    """Wait for the platform to see by itself that newer data has moved away."""
    if cast.scientist.get(f"{LIFECYCLE}/drift-events", model_name=MODEL):
        return
    checks = f"{LIFECYCLE}/deployments/{MODEL}:{FIRST_VERSION}/drift"
    with cast.step(f"Saw {DATASET} version 2 compared with version 1, by column"):
        done = cast.scientist.wait(checks, lambda found: bool(_of_data(found)))
    for finding in _of_data(done)[0]["findings"]:
        figure = f"{finding['check']} {finding['value']:.2f}"
        cast.say(f"  {finding['column']} has moved: {figure}")


def _of_data(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [check for check in checks if check["subject"] == "dataset"]
