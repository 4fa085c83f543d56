"""The loop around the passes: woken, patient with the database, and stoppable."""

import threading
import time

import pytest
from django.db import OperationalError

from deployments.kick import calls, kick
from deployments.models import Deployment, Lease
from deployments.reconciler import Reconciler
from deployments.reconciler.loop import run
from deployments.states import Environment, Status
from deployments.targets.scripted import ScriptedTarget
from tests.deployments.factories import VersionFactory

LONG_S = 120.0


def waited(kicks, seconds):
    began = time.monotonic()
    kicks.wait(seconds)
    return time.monotonic() - began


def test_a_kick_ends_the_wait_and_old_kicks_are_forgotten():
    with calls() as kicks:
        kick()
        kick()

        assert waited(kicks, LONG_S) < LONG_S / 2
        assert waited(kicks, 0.01) >= 0.01


def test_a_kick_without_a_listener_is_nothing():
    with calls():
        pass

    kick()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_request_wakes_the_reconciler_when_it_is_committed():
    version = VersionFactory()
    with calls() as kicks:
        Deployment.request(version, "development", by=None)

        assert waited(kicks, LONG_S) < LONG_S / 2


class Stumbling(Reconciler):
    """Loses its database for the first passes, then works until all is active."""

    stumbles = 2
    stopping: threading.Event

    def once(self):
        if self.stumbles:
            self.stumbles -= 1
            raise OperationalError("the database is away")
        done = super().once()
        if not Deployment.objects.in_progress().exists():
            self.stopping.set()
        return done


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_database_that_is_away_is_waited_for_and_the_lease_given_back(tmp_path):
    deployment = Deployment.request(VersionFactory(), "development", by=None)
    targets = dict.fromkeys(Environment.values, ScriptedTarget())
    reconciler = Stumbling(targets, folder=tmp_path)
    reconciler.stopping = threading.Event()

    run(reconciler, reconciler.stopping)

    deployment.refresh_from_db()
    assert deployment.status == Status.ACTIVE
    assert Lease.objects.get().holder == ""
