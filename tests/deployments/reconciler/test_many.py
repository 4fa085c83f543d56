"""Many at once: in order, and nobody starves."""

import resource
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from deployments.models import (
    Deployment,
    Slot,
)
from deployments.reconciler.reconciler import MAX_STARTING
from deployments.states import Health, Status
from lifecycle.models import RegisteredModel
from tests.deployments.factories import DeploymentFactory, VersionFactory
from tests.deployments.reconciler.acting import (
    requested,
    settle,
    status_of,
)

pytestmark = pytest.mark.django_db
MOST_QUERIES = 500
"""Of a pass that looks at 100 of those that serve, however many there are."""


def test_the_oldest_start_first_and_nobody_starves(reconciler):
    deployments = [requested() for _ in range(40)]

    reconciler.once()
    begun = [status_of(one) != Status.PENDING for one in deployments]
    settle(reconciler)

    assert begun == [True] * 32 + [False] * 8
    assert {status_of(one) for one in deployments} == {"active"}


def test_shadows_and_paused_canaries_keep_nobody_waiting(reconciler):
    version = VersionFactory()
    for _ in range(40):
        model = VersionFactory().model
        DeploymentFactory(model_version=VersionFactory(model=model), active=True)
        DeploymentFactory(
            model_version=VersionFactory(model=model),
            status="deploying",
            strategy={"type": "shadow"},
            rollout_at=timezone.now(),
        )
    deployment = requested(version)

    for _ in range(4):
        reconciler.once()

    assert status_of(deployment) == Status.ACTIVE


@pytest.mark.slow
def test_ten_thousand_open_deployments_are_worked_off_in_order(reconciler):
    _many(VersionFactory(), 10_000)
    reconciler.once()
    before = _memory_mb()
    passes = 0
    while Deployment.objects.serving().count() < 500:
        reconciler.once()
        passes += 1

    assert passes <= 500 / MAX_STARTING * 3 + 3
    assert _memory_mb() - before < 100
    waiting = Deployment.objects.filter(status=Status.PENDING).order_by("created_at")
    served = Deployment.objects.serving().order_by("created_at")
    assert served.first().slot.model.name == "many-0"
    assert served.last().created_at < waiting.first().created_at


def test_a_fresh_one_beside_many_that_serve_needs_a_few_passes(
    reconciler, target, django_assert_max_num_queries
):
    _many(VersionFactory(), 500)
    Deployment.objects.update(
        status=Status.ACTIVE, traffic_percent=100, health=Health.HEALTHY
    )
    while len(target.list()) < 500:
        reconciler.once()
    reconciler.once()

    fresh = requested()
    for _ in range(3):
        with django_assert_max_num_queries(MOST_QUERIES):
            reconciler.once()

    assert status_of(fresh) == Status.ACTIVE
    slot = "development", fresh.slot.model.name
    assert target.routes[slot].entries[0].deployment_id == str(fresh.pk)


def _memory_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _many(version, count):
    models = RegisteredModel.objects.bulk_create(
        [RegisteredModel(name=f"many-{number}") for number in range(count)]
    )
    slots = Slot.objects.bulk_create(
        [Slot(model=model, environment="development") for model in models]
    )
    rows = Deployment.objects.bulk_create(
        [
            Deployment(
                slot=slot,
                revision=1,
                model_version=version,
                artifact=version.artifact,
                artifact_sha256=version.artifact.sha256,
            )
            for slot in slots
        ],
        batch_size=500,
    )
    start = timezone.now() - timedelta(seconds=count)
    for number, row in enumerate(rows):
        row.created_at = start + timedelta(seconds=number)
    Deployment.objects.bulk_update(rows, ["created_at"], batch_size=500)
