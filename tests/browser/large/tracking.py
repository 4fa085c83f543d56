"""200 experiments with 5,000 runs, each with parameters and two curves."""

import random
from collections.abc import Iterator, Sequence
from itertools import product

from django.utils import timezone

from lifecycle.models import Experiment, Key, LatestMetric, MetricPoint, Param, Run
from lifecycle.states import RunStatus
from mlops.core.models import User
from tests.browser.large import SUBJECTS

METHODS = (
    *("baseline", "linear", "forest", "boosted", "lightgbm", "xgboost", "mlp"),
    *("resnet", "tabnet", "ensemble"),
)
RUNS, STEPS, BATCH = 5_000, 8, 5_000
DAY_MS, APART_MS, LONG_MS = 86_400_000, 5_000_000, 600_000
PARAMS = ("learning_rate", "depth", "seed")

Curves = dict[str, list[float]]


def experiments(author: User) -> dict[str, dict[str, float]]:
    """Return the final accuracy of each run, by the names of experiment and run."""
    names = [f"{subject}-{method}" for subject, method in product(SUBJECTS, METHODS)]
    made = Experiment.objects.bulk_create(
        Experiment(name=name, owner=author, created_by=author) for name in names
    )
    runs = Run.objects.bulk_create(_run(made, number, author) for number in range(RUNS))
    curves = [_curves() for _ in runs]
    _log_metrics(runs, curves)
    _log_params(runs)
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    for run, curve in zip(runs, curves, strict=True):
        found[run.experiment.name][run.name] = curve["accuracy"][-1]
    return found


def _run(homes: Sequence[Experiment], number: int, author: User) -> Run:
    home = homes[number % len(homes)]
    now = int(timezone.now().timestamp() * 1000)
    started = now - 300 * DAY_MS + number * APART_MS
    return Run(
        uid=f"{random.getrandbits(128):032x}",
        experiment=home,
        name=f"{home.name}-{number // len(homes) + 1:02}",
        created_by=author,
        status=RunStatus.COMPLETED,
        started_ms=started,
        ended_ms=started + LONG_MS,
    )


def _curves() -> Curves:
    best, pace = random.uniform(0.7, 0.97), random.uniform(0.25, 0.9)
    shares = [1 - (1 - pace) ** (step + 1) for step in range(STEPS)]
    accuracy = [0.5 + (best - 0.5) * one + random.gauss(0, 0.004) for one in shares]
    return {
        "accuracy": [round(value, 6) for value in accuracy],
        "loss": [round(1.4 * (1 - value), 6) for value in accuracy],
    }


def _log_metrics(runs: Sequence[Run], curves: Sequence[Curves]) -> None:
    points = list(_points(runs, curves))
    MetricPoint.objects.bulk_create(points, batch_size=BATCH)
    newest = (one for one in points if one.step == STEPS - 1)
    LatestMetric.objects.bulk_create(
        (
            LatestMetric(
                run_id=one.run_id,
                key_id=one.key_id,
                step=one.step,
                timestamp_ms=one.timestamp_ms,
                value=one.value,
            )
            for one in newest
        ),
        batch_size=BATCH,
    )


def _points(runs: Sequence[Run], curves: Sequence[Curves]) -> Iterator[MetricPoint]:
    keys = Key.intern(("accuracy", "loss"))
    for run, curve in zip(runs, curves, strict=True):
        for name, values in curve.items():
            for step, value in enumerate(values):
                yield MetricPoint(
                    run=run,
                    key_id=keys[name],
                    step=step,
                    timestamp_ms=run.started_ms + 60_000 * step,
                    value=value,
                )


def _log_params(runs: Sequence[Run]) -> None:
    keys = Key.intern(PARAMS)
    rows = []
    for number, run in enumerate(runs):
        rate = random.choice(("0.1", "0.03", "0.01"))
        for name, value in zip(PARAMS, (rate, str(3 + number % 6), "7"), strict=True):
            rows.append(Param(run=run, key_id=keys[name], value=value))
    Param.objects.bulk_create(rows, batch_size=BATCH)
