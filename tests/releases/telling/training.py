"""Experiments and runs by REST and by the MLflow protocol, and the registry."""

from pathlib import Path
from typing import Any

from tests.releases.telling.data import COLUMNS
from tests.releases.telling.models import as_onnx, as_skops, line, tree
from tests.releases.telling.world import L, World

CHURN = "churn"
LOGGED = Path(__file__).parents[2] / "deployments" / "formats" / "logged"
BOOSTER = "lgbm_booster"
STEPS = 25
LATE_MS = 1_700_000_000_000
CHECKS = ("Judged on rows it has not seen", "누가 책임지는가")


def train_by_rest(world: World) -> None:
    """Two experiments; runs that ended well, badly and not at all, with files."""
    for name in ("churn-study", "archived-study"):
        body = {"name": name, "description": "What makes them leave", "tags": ["rest"]}
        world.scientist.post(f"{L}/experiments", body)
    world.scientist.patch(f"{L}/experiments/archived-study", {"status": "archived"})
    for number, content in enumerate(
        (as_onnx(line()), as_onnx(tree()), as_skops(line()), b"no model"), start=1
    ):
        _run(world, f"churn-run-{number}", content)
    world.scientist.patch(f"{L}/runs/churn-run-4", {"status": "failed"})
    body = {"run_id": "churn-run-open", "experiment_name": "churn-study"}
    world.scientist.post(f"{L}/runs", body)


def train_by_mlflow(world: World) -> None:
    """An experiment as an MLflow client leaves it, and one that it has deleted."""
    call = world.scientist.mlflow
    made = call("experiments/create", name="팀/boosting", tags=tags(team="a"))
    world.ids["experiment"] = experiment = made["experiment_id"]
    run = call(
        "runs/create",
        experiment_id=experiment,
        run_name="night",
        start_time=LATE_MS,
        tags=tags(**{"mlflow.source.name": "train.py"}),
    )["run"]["info"]["run_id"]
    world.ids["mlflow run"] = run
    _log(world, run)
    _leave_a_model(world, experiment, run)
    call("runs/update", run_id=run, status="FINISHED", end_time=LATE_MS + 60_000)
    gone = call("runs/create", experiment_id=experiment, start_time=LATE_MS)
    world.ids["deleted run"] = gone["run"]["info"]["run_id"]
    call("runs/delete", run_id=world.ids["deleted run"])
    deleted = call("experiments/create", name="deleted-study")["experiment_id"]
    call("experiments/delete", experiment_id=deleted)


def register(world: World) -> None:
    """Versions with checklists, approvals, stages and aliases, by both protocols."""
    for number in (1, 2, 3, 4):
        _register_churn(world, str(number))
    for number in (1, 2):
        path = f"{L}/models/{CHURN}/{number}"
        passed = [{"name": name, "status": "passed"} for name in CHECKS]
        world.scientist.patch(path, {"checklist": passed})
        note = {"approved_by": "approver", "approval_notes": "읽었음"}
        world.approver.patch(path, note)
    world.approver.patch(f"{L}/models/{CHURN}/1", {"stage": "production"})
    world.approver.patch(f"{L}/models/{CHURN}/2", {"stage": "staging"})
    world.scientist.patch(f"{L}/models/{CHURN}/4", {"stage": "archived"})
    broken = {"model_name": "broken", "version": "1", "run_id": "churn-run-4"}
    world.scientist.post(f"{L}/models", {**broken, "artifact_path": "model.onnx"})
    _register_booster(world)


def tags(**given: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in given.items()]


def _run(world: World, run: str, content: bytes) -> None:
    body = {
        "run_id": run,
        "experiment_name": "churn-study",
        "dataset_name": "readings",
        "dataset_version": "1",
        "parameters": [
            {"name": "features", "value": list(COLUMNS)},
            {"name": "depth", "value": 3},
            {"name": "note", "value": "ünïcode 한글"},
        ],
        "tags": ["store", "rest"],
    }
    world.scientist.post(f"{L}/runs", body)
    points = [
        {"metric_name": "loss", "value": 1 / (step + 1), "step": step}
        for step in range(STEPS)
    ]
    world.scientist.post(f"{L}/runs/{run}/metrics", {"metrics": points})
    files = f"{L}/runs/{run}/artifacts"
    name = "model.skops" if run.endswith("3") else "model.onnx"
    world.scientist.upload(files, content, name, path=name)
    world.scientist.upload(files, b"a,b\n1,2\n", "t.csv", path="tables/t 1.csv")
    if not run.endswith("4"):
        last = {"metric_name": "accuracy", "value": 0.875}
        ended = {"status": "completed", "metrics": [last]}
        world.scientist.patch(f"{L}/runs/{run}", ended)


def _log(world: World, run: str) -> None:
    metrics = [
        {"key": key, "value": value, "timestamp": LATE_MS + step, "step": step}
        for step in range(STEPS)
        for key, value in (("loss", 2.0**-step), ("val/auc", 0.5 + step / 100))
    ]
    odd = [("nan", "NaN"), ("inf", "Infinity"), ("tiny", 5e-324)]
    metrics += [
        {"key": key, "value": value, "timestamp": LATE_MS, "step": -1}
        for key, value in odd
    ]
    world.scientist.mlflow(
        "runs/log-batch",
        run_id=run,
        metrics=metrics,
        params=tags(depth="3", text="x" * 500),
        tags=tags(**{"mlflow.note.content": "한 줄"}),
    )
    source = {"name": "readings", "digest": "store", "source_type": "local"}
    data = {**source, "source": "readings.parquet", "schema": "{}", "profile": "{}"}
    read = {"dataset": data, "tags": tags(**{"mlflow.data.context": "training"})}
    world.scientist.mlflow("runs/log-inputs", run_id=run, datasets=[read])
    plot = f"{world.ids['experiment']}/{run}/artifacts/plots/roc.svg"
    world.scientist.put_bytes(files(plot), b"<svg xmlns='http://www.w3.org/2000/svg'/>")


def files(location: str) -> str:
    return f"/api/2.0/mlflow-artifacts/artifacts/{location}"


def _leave_a_model(world: World, experiment: str, run: str) -> None:
    """Log the LightGBM model of an MLflow client as a logged model of MLflow 3."""
    made = world.scientist.mlflow(
        "logged-models",
        experiment_id=experiment,
        name="booster",
        source_run_id=run,
        params=tags(trees="20"),
        tags=tags(team="a"),
    )["model"]["info"]["model_id"]
    world.ids["logged model"] = made
    for path in sorted((LOGGED / BOOSTER).iterdir()):
        if path.name not in {"asked.json", "answered.json"}:
            place = files(f"{experiment}/models/{made}/artifacts/{path.name}")
            world.scientist.put_bytes(place, path.read_bytes())
    ready = {"status": "LOGGED_MODEL_READY"}
    world.scientist.patch(f"/api/2.0/mlflow/logged-models/{made}", ready)
    about = {"model_id": made, "dataset_name": "readings"}
    point = {"key": "auc", "value": 0.75, "timestamp": LATE_MS, "step": STEPS}
    world.scientist.mlflow("runs/log-batch", run_id=run, metrics=[{**point, **about}])
    named = [{"model_id": made}]
    world.scientist.mlflow("runs/log-inputs", run_id=run, models=named)
    outputs = [{"model_id": made, "step": STEPS}]
    world.scientist.mlflow("runs/outputs", run_id=run, models=outputs)


def _register_churn(world: World, number: str) -> None:
    body: dict[str, Any] = {
        "model_name": CHURN,
        "version": number,
        "run_id": f"churn-run-{number}",
        "framework": "scikit-learn",
        "artifact_path": "model.skops" if number == "3" else "model.onnx",
        "metrics": [{"metric_name": "accuracy", "value": 0.875}],
        "hyperparameters": {"depth": 3, "grid": [1, 2.5, "한"]},
        "approval_checklist": [{"name": name} for name in CHECKS],
        "description": f"Number {number}",
        "tags": ["store"],
    }
    world.scientist.post(f"{L}/models", body)


def _register_booster(world: World) -> None:
    call, model = world.scientist.mlflow, world.ids["logged model"]
    call(
        "registered-models/create", name="booster", description="트리", tags=tags(a="b")
    )
    call(
        "model-versions/create",
        name="booster",
        source=f"models:/{model}",
        run_id=world.ids["mlflow run"],
        model_id=model,
    )
    alias = {"name": "booster", "alias": "champion", "version": "1"}
    call("registered-models/alias", **alias)
    call("model-versions/set-tag", name="booster", version="1", key="k", value="v")
    moved = {"stage": "Staging", "archive_existing_versions": "false"}
    call("model-versions/transition-stage", name="booster", version="1", **moved)
