"""Chapter 5: the new rows no longer look like those the model has learnt from."""

from typing import Any

from mlops.demo.story.cast import DATASET, FEATURES, LIFECYCLE, MODEL, Cast
from mlops.demo.story.registry import FIRST_VERSION

SEVERITIES = {"none": "low", "warning": "medium", "drift": "high"}


def notice_drift(cast: Cast) -> None:
    if cast.scientist.get(f"{LIFECYCLE}/drift-events", model_name=MODEL):
        return
    with cast.step(f"Compared {DATASET} version 2 with version 1, column by column"):
        comparison = cast.scientist.get(
            f"{FEATURES}/datasets/{DATASET}/drift", **{"from": 1, "to": 2}
        )
        measured = [one for one in comparison["report"]["columns"] if one["psi"]]
        _record(cast, max(measured, key=lambda column: column["psi"]))


def _record(cast: Cast, column: dict[str, Any]) -> None:
    """Record the column whose population stability index has moved most."""
    name, psi = column["name"], column["psi"]
    check = next(check for check in column["checks"] if check["name"] == "psi")
    body = {
        "model_name": MODEL,
        "version": FIRST_VERSION,
        "severity": SEVERITIES[check["level"]],
        "metric_name": f"psi.{name}",
        "metric_value": psi,
        "threshold": check["warning"],
        "message": f"{name} of 2007 to 2022 against 1991 to 2006",
        "remediation_action": "Train again on the years since 2007",
    }
    cast.scientist.post(f"{LIFECYCLE}/drift-events", body)
    cast.say(
        f"  {name} has moved: PSI {psi:.2f}, to be looked at from {check['warning']}"
    )
