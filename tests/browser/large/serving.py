"""300 deployments: nearly all have ended, six were really made, and four serve."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from django.utils import timezone

from deployments.models import Deployment, Slot, TrafficWindow
from deployments.serving.histogram import bucket
from deployments.states import Environment, Status
from lifecycle.models import Experiment, ModelVersion, RegisteredModel, Run
from tests.deployments.targets.models import onnx_bytes
from tests.deployments.targets.waiting import until
from tests.lifecycle.factories import stored

DEPLOYMENTS, REVISIONS = 300, 5
WATCHED, UNDONE = ("churn", "fraud"), ("demand", "credit")
"""Models that really serve: those that got slow, and those that can be rolled back."""
REAL = len(WATCHED) + 2 * len(UNDONE)
TIMED = 95
"""Minutes of traffic behind what serves."""
ENDED = (Status.TERMINATED, Status.ROLLBACK, Status.FAILED)

Facts = dict[str, Any]


def ended(models: Iterable[RegisteredModel]) -> None:
    """Make deployments of the year, all of which have ended."""
    slots = Slot.objects.bulk_create(
        Slot(model=model, environment=place, next_revision=REVISIONS + 1)
        for model, place in product(models, Environment.values)
    )
    numbers = range(1, REVISIONS + 1)
    versions = {
        (slot.model_id, number): ModelVersion(
            model=slot.model, version=f"0.{number}", number=number
        )
        for slot, number in product(slots, numbers)
    }
    ModelVersion.objects.bulk_create(versions.values())
    RegisteredModel.objects.update(next_number=REVISIONS + 1)
    rows = list(product(slots, numbers))[: DEPLOYMENTS - REAL]
    made = Deployment.objects.bulk_create(
        _past(slot, number, versions[slot.model_id, number]) for slot, number in rows
    )
    for one in made:
        one.created_at = one.deployed_at
    Deployment.objects.bulk_update(made, ["created_at"], batch_size=200)


def _past(slot: Slot, number: int, version: ModelVersion) -> Deployment:
    since = timezone.now() - timedelta(days=60 * (REVISIONS + 1 - number))
    return Deployment(
        slot=slot,
        revision=number,
        model_version=version,
        status=random.choice(ENDED),
        deployed_at=since,
        terminated_at=since + timedelta(days=40),
    )


def serve() -> Facts:
    """Deploy what has to answer; return what got slow, and what can be undone."""
    first = {name: _asked(name, "3.0", 0) for name in (*WATCHED, *UNDONE)}
    _await(first.values())
    second = {name: _asked(name, "4.0", 1) for name in UNDONE}
    _await(second.values())
    slowed = {name: _got_slow(first[name]) for name in WATCHED}
    for one in second.values():
        _traffic(one, [3.0] * TIMED)
    undone = {name: one.revision for name, one in second.items()}
    return {"slowed": slowed, "undone": undone}


def _asked(name: str, label: str, shift: int) -> Deployment:
    run = Run.start(Experiment.objects.get(name=f"{name}-forest"), by=None)
    stored(run, content=onnx_bytes(shift))
    version = ModelVersion.register(name, by=None, run=run, version=label)
    return Deployment.request(version, Environment.DEVELOPMENT, by=None)


def _await(asked: Iterable[Deployment]) -> None:
    for one in asked:
        until(lambda one=one: _status(one) == Status.ACTIVE, 300)


def _status(one: Deployment) -> str:
    return str(Deployment.objects.values_list("status", flat=True).get(pk=one.pk))


def _got_slow(one: Deployment) -> Facts:
    """Count traffic that became slow up to half an hour ago; return when and how."""
    since = random.randrange(15, 30)
    before, after = random.uniform(2, 6), random.uniform(80, 200)
    times = [after if ago <= since else before for ago in range(TIMED)]
    _traffic(one, times)
    at = timezone.now() - timedelta(minutes=since)
    return {"at": at.isoformat(), "before": before, "after": after}


def _traffic(one: Deployment, times_ms: Sequence[float]) -> None:
    """Count each minute that is past; its requests took about so long."""
    now = timezone.now().replace(second=0, microsecond=0)
    TrafficWindow.objects.set_minutes(
        [
            _minute(one, now - timedelta(minutes=ago), typical)
            for ago, typical in enumerate(times_ms)
            if ago >= 2
        ]
    )


def _minute(one: Deployment, at: datetime, typical_ms: float) -> TrafficWindow:
    taken = [random.lognormvariate(0, 0.25) * typical_ms for _ in range(40)]
    histogram: dict[str, int] = {}
    for value in taken:
        name = str(bucket(value))
        histogram[name] = histogram.get(name, 0) + 10
    return TrafficWindow(
        deployment=one,
        starts_at=at,
        gateway="g",
        request_count=400,
        error_count=random.choice((0, 0, 0, 1)),
        sum_ms=10 * sum(taken),
        max_ms=max(taken),
        histogram=histogram,
    )
