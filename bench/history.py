"""Pages that look back: what they cost after a month of traffic and 100,000 runs.

python -m bench.history
"""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bench.printing import say
from bench.store import empty_store

DEPLOYMENTS, DAYS, RUNS = 5, 30, 100_000
REQUESTS = 600
"""How many a deployment answers in a minute."""
BATCH = 2_000


def main() -> None:
    """Print a Markdown table."""
    with empty_store():
        _measure()


def _measure() -> None:
    from django.db import connection  # noqa: PLC0415

    served = _served()
    _count(served)
    _train(served[0])
    if connection.vendor == "postgresql":
        connection.cursor().execute("ANALYZE")
    say(f"On {connection.vendor}, {_rows():,} traffic windows.\n")
    say("| what | p50 | slowest |")
    say("|---|---|---|")
    for name, work in _pages(served[0]):
        work()
        say(f"| {name} | {_times(work, 7)} |")


Page = tuple[str, Callable[[], object]]


def _pages(one: Any) -> Iterator[Page]:
    from django.utils import timezone  # noqa: PLC0415
    from prometheus_client import generate_latest  # noqa: PLC0415

    from deployments.models.report import report  # noqa: PLC0415
    from mlops.core.metrics import REGISTRY  # noqa: PLC0415
    from mlops.dashboard import figures  # noqa: PLC0415

    for hours in figures.STEPS_S:
        yield f"dashboard's traffic, {hours} h", partial(figures.traffic, hours)
    for window in ("1h", "24h", "30d"):
        ask = partial(report, one, window, None, timezone.now())
        yield f"metrics of one deployment, {window}", ask
    yield "a scrape of /metrics", partial(generate_latest, REGISTRY)
    yield from _walks(one)


def _walks(one: Any) -> Iterator[Page]:
    from deployments.lineage import graph  # noqa: PLC0415

    name = f"model_version:{one.slot.model.name}:{one.model_version.version}"
    yield (
        f"lineage of a model version among {RUNS:,} runs",
        partial(graph, name, "both", 20),
    )
    experiment = f"experiment:{one.model_version.run.experiment_id}"
    yield (
        f"lineage of an experiment of {RUNS:,} runs",
        partial(graph, experiment, "downstream", 20),
    )


def _served() -> list[Any]:
    """Return deployments that are active, each of a model of its own."""
    from deployments.models import Deployment, Slot  # noqa: PLC0415
    from lifecycle import artifacts  # noqa: PLC0415
    from lifecycle.models import Experiment, ModelVersion, Run  # noqa: PLC0415

    experiment = Experiment.create("bench", by=None)
    made = []
    for number in range(DEPLOYMENTS):
        run = Run.start(experiment, by=None)
        artifacts.save(run, "model.onnx", [b"not looked into"], by=None)
        version = ModelVersion.register(f"bench-{number}", by=None, run=run)
        artifact = version.servable_artifact()
        slot = Slot.objects.create(model=version.model, environment="development")
        made.append(
            Deployment.objects.create(
                slot=slot,
                revision=1,
                model_version=version,
                artifact=artifact,
                artifact_sha256=artifact.sha256,
                status="active",
            )
        )
    return made


def _count(served: list[Any]) -> None:
    """Count a month, minute by minute, and forget what is not kept."""
    from django.utils import timezone  # noqa: PLC0415

    from deployments.models import Lease, TrafficWindow  # noqa: PLC0415
    from deployments.reconciler.pruning import prune_traffic  # noqa: PLC0415

    now = timezone.now().replace(second=0, microsecond=0)
    lease = Lease.take("reconciler", "bench")
    assert lease is not None  # noqa: S101 - a new database
    start = now - timedelta(days=DAYS)
    histograms = [_histogram(seed) for seed in range(50)]
    for hour in range(DAYS * 24):
        rows = [
            _window(one, start + timedelta(hours=hour, minutes=minute), histograms)
            for one in served
            for minute in range(60)
        ]
        with lease.held():
            TrafficWindow.objects.set_minutes(rows)
    while prune_traffic(lease):
        pass


def _window(one: Any, at: datetime, histograms: list[dict[str, int]]) -> Any:
    from deployments.models import TrafficWindow  # noqa: PLC0415

    return TrafficWindow(
        deployment=one,
        starts_at=at,
        gateway="g1",
        request_count=REQUESTS,
        error_count=3,
        sum_ms=REQUESTS * 3.0,
        max_ms=90.0,
        histogram=random.choice(histograms),  # noqa: S311 - no secret
    )


def _histogram(seed: int) -> dict[str, int]:
    """Return the latencies of a minute: log-normal around 3 ms."""
    from deployments.serving.histogram import bucket  # noqa: PLC0415

    random.seed(seed)
    taken = (random.lognormvariate(1.1, 0.5) for _ in range(REQUESTS))
    return {str(number): count for number, count in Counter(map(bucket, taken)).items()}


def _train(one: Any) -> None:
    """Make many runs in the experiment of a deployment's run, a tenth logs a model."""
    from lifecycle.models import LoggedModel, Run  # noqa: PLC0415

    experiment = one.model_version.run.experiment
    for start in range(0, RUNS, BATCH):
        runs = Run.objects.bulk_create(
            Run(uid=f"{number:032x}", experiment=experiment, started_ms=number)
            for number in range(start, start + BATCH)
        )
        LoggedModel.objects.bulk_create(
            LoggedModel(
                pk=f"m-{run.uid}",
                experiment=experiment,
                name="m",
                source_run=run,
                created_ms=0,
                updated_ms=0,
            )
            for run in runs[::10]
        )


def _rows() -> int:
    from deployments.models import TrafficWindow  # noqa: PLC0415

    return TrafficWindow.objects.count()


def _times(work: Callable[[], object], times: int) -> str:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(taken):.0f} ms | {max(taken):.0f} ms"


if __name__ == "__main__":
    main()
