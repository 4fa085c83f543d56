"""Chapters 3 and 7: a version is registered by its author, approved by another."""

from typing import Any

from mlops.demo import training
from mlops.demo.story.cast import LIFECYCLE, MODEL, StoryCast
from mlops.demo.story.training import ARTIFACT, FIRST_RUN, SECOND_RUN

FIRST_VERSION, SECOND_VERSION = "1.0.0", "2.0.0"
CHECKS = ("Judged on years it has not seen", "No feature looks ahead")


def approve_first(cast: StoryCast) -> None:
    _register(
        cast,
        FIRST_VERSION,
        run_id=FIRST_RUN,
        description="Scaled logistic regression",
        hyperparameters=training.LINEAR,
    )
    _approve(cast, FIRST_VERSION)


def approve_second(cast: StoryCast) -> None:
    _register(
        cast,
        SECOND_VERSION,
        run_id=SECOND_RUN,
        description="Boosted trees, trained after the drift",
        hyperparameters=training.BOOSTED,
    )
    _approve(cast, SECOND_VERSION)
    with cast.step(f"Compared {MODEL} {FIRST_VERSION} with {SECOND_VERSION}"):
        versions = {"versions": [FIRST_VERSION, SECOND_VERSION]}
        cast.scientist.post(f"{LIFECYCLE}/models/{MODEL}/compare", versions)


def _register(cast: StoryCast, version: str, *, run_id: str, **details: object) -> None:
    versions = cast.scientist.get(f"{LIFECYCLE}/models", model_name=MODEL)
    if any(one["version"] == version for one in versions):
        return
    run = cast.scientist.get(f"{LIFECYCLE}/runs/{run_id}")
    body = {
        "model_name": MODEL,
        "version": version,
        "run_id": run_id,
        "framework": "scikit-learn",
        "artifact_path": ARTIFACT,
        "metrics": [_figure(metric) for metric in run["metrics"]],
        "approval_checklist": [{"name": name} for name in CHECKS],
        **details,
    }
    with cast.step(f"Registered {MODEL} {version}"):
        cast.scientist.post(f"{LIFECYCLE}/models", body)


def _figure(metric: dict[str, Any]) -> dict[str, Any]:
    return {"metric_name": metric["metric_name"], "value": metric["value"]}


def _approve(cast: StoryCast, version: str) -> None:
    """Tick the checklist as the author, then approve as somebody else."""
    if cast.scientist.get(_path(version))["approved_by"]:
        return
    passed = [{"name": name, "status": "passed"} for name in CHECKS]
    with cast.step(f"Checked and approved {MODEL} {version}"):
        cast.scientist.patch(_path(version), {"checklist": passed})
        cast.approver.patch(
            _path(version),
            {"approved_by": "approver", "approval_notes": "Read the figures; go on."},
        )
        cast.approver.patch(_path(version), {"stage": "production"})


def _path(version: str) -> str:
    return f"{LIFECYCLE}/models/{MODEL}/{version}"
