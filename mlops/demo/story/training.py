"""Chapters 2 and 6: training, with every step of it logged."""

from datetime import date

from mlops.demo import training
from mlops.demo.panel import FEATURE_NAMES, SPLIT, Panel
from mlops.demo.story.cast import DATASET, EXPERIMENT, LIFECYCLE, StoryCast
from mlops.demo.training import Split, Trained

FIRST_RUN, SECOND_RUN = "demo-linear-1991-2004", "demo-boosted-2007-2018"
ARTIFACT = "model.onnx"
GOLDEN = f"{ARTIFACT}.golden.json"


def train_first(cast: StoryCast) -> None:
    if not _is_open(cast):
        _open_experiment(cast)
    if _status(cast, FIRST_RUN) == "completed":
        return
    split = Split.of(_years(cast, 1991, 2005), _years(cast, 2005, SPLIT.year))
    with cast.step("Trained a logistic regression on 1991 to 2004"):
        points = _start(
            cast, FIRST_RUN, dataset_version="1", parameters=training.LINEAR
        )
        _finish(cast, FIRST_RUN, training.train_linear(split, points.add), points)


def train_second(cast: StoryCast) -> None:
    if _status(cast, SECOND_RUN) == "completed":
        return
    split = Split.of(_years(cast, SPLIT.year, 2019), _years(cast, 2019, 2023))
    with cast.step("Trained boosted trees on 2007 to 2018"):
        points = _start(
            cast, SECOND_RUN, dataset_version="2", parameters=training.BOOSTED
        )
        _finish(cast, SECOND_RUN, training.train_boosted(split, points.add), points)


class _Points:
    """Metric points in the API's form, collected while a model is trained."""

    def __init__(self) -> None:
        self.collected: list[dict[str, object]] = []

    def add(self, step: int, metrics: dict[str, float]) -> None:
        self.collected += [
            {"metric_name": name, "value": value, "step": step}
            for name, value in metrics.items()
        ]


def _years(cast: StoryCast, first: int, end: int) -> Panel:
    return cast.panel.between(date(first, 1, 1), date(end, 1, 1))


def _is_open(cast: StoryCast) -> bool:
    experiments = cast.scientist.get(f"{LIFECYCLE}/experiments")
    return any(one["name"] == EXPERIMENT for one in experiments)


def _open_experiment(cast: StoryCast) -> None:
    body = {
        "name": EXPERIMENT,
        "description": "Does a stock close higher tomorrow? (It cannot be known.)",
        "tags": ["demo", "classification"],
    }
    with cast.step(f"Opened the experiment {EXPERIMENT}"):
        cast.scientist.post(f"{LIFECYCLE}/experiments", body)


def _status(cast: StoryCast, run_id: str) -> str | None:
    """Return the run's status, None if it was not started."""
    runs = cast.scientist.get(f"{LIFECYCLE}/runs", experiment_name=EXPERIMENT)
    return next((run["status"] for run in runs if run["run_id"] == run_id), None)


def _start(
    cast: StoryCast, run_id: str, *, dataset_version: str, parameters: dict[str, object]
) -> _Points:
    """Start the run, unless an interrupted telling of the story has done so.

    The list of features tells the places of the model's one wide input apart.
    """
    named = {**parameters, "features": list(FEATURE_NAMES)}
    body = {
        "run_id": run_id,
        "experiment_name": EXPERIMENT,
        "dataset_name": DATASET,
        "dataset_version": dataset_version,
        "parameters": [{"name": name, "value": value} for name, value in named.items()],
        "tags": ["demo"],
    }
    if _status(cast, run_id) is None:
        cast.scientist.post(f"{LIFECYCLE}/runs", body)
    return _Points()


def _finish(cast: StoryCast, run_id: str, trained: Trained, points: _Points) -> None:
    run = f"{LIFECYCLE}/runs/{run_id}"
    for path, content in ((ARTIFACT, trained.onnx), (GOLDEN, trained.golden)):
        cast.scientist.upload(f"{run}/artifacts", content, path, path=path)
    steps = points.collected
    points.add(_last_step(steps), trained.metrics)
    cast.scientist.patch(run, {"metrics": points.collected, "status": "completed"})


def _last_step(steps: list[dict[str, object]]) -> int:
    return max(int(str(point["step"])) for point in steps)
