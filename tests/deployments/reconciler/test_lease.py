"""One reconciler at a time: the lease, lost and taken over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import (
    Lease,
)
from deployments.reconciler import Pass
from deployments.states import Status
from tests.deployments.reconciler.acting import (
    made,
    requested,
    status_of,
)

pytestmark = pytest.mark.django_db


def test_a_second_reconciler_stands_by(target, clock, tmp_path):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    requested()

    led = first.once().is_leader
    stood_by = second.once()

    assert led
    assert stood_by == Pass(is_leader=False, moved=0, starting=0, due_s=0.0)


def test_a_lease_that_ran_out_is_taken_over_and_the_late_one_writes_nothing(
    target, clock, tmp_path
):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    first.once()
    paused = first.lease
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second.once()
    deployment = requested()

    woken = first._pass
    with pytest.raises(Exception, match="reconciler"):
        woken(paused)

    assert second.lease.fence == paused.fence + 1
    assert status_of(deployment) == Status.PENDING


def test_who_lost_the_lease_lets_go_of_what_it_runs(target, clock, tmp_path):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    first.once()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second.once()

    done = first.once()

    assert not done.is_leader
    assert target.closed


def test_a_released_lease_can_be_had_at_once(target, clock, tmp_path):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    first.once()

    first.release()

    assert second.once().is_leader


def test_a_lease_is_kept_between_passes_until_another_has_it(target, clock, tmp_path):
    first, second = made(target, clock, tmp_path), made(target, clock, tmp_path)
    before = first.keep()
    first.once()
    almost_over = timezone.now() + timedelta(seconds=1)
    Lease.objects.update(expires_at=almost_over)
    kept, renewed = first.keep(), Lease.objects.get().expires_at

    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second.once()

    assert (before, kept, first.keep()) == (False, True, False)
    assert renewed > almost_over
