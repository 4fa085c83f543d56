"""The loop around the passes: woken, patient with the database, and stoppable."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from datasets.models import Dataset
from datasets.storage import IncomingFile
from deployments.models import Deployment, Lease
from deployments.reconciler import Reconciler
from deployments.reconciler.loop import run
from deployments.reconciler.reconciler import REST_S, SOON_S
from deployments.states import Environment, Status
from deployments.targets.scripted import ScriptedTarget
from deployments.wake import wake_socket, wake_worker, wake_worker_and_wait
from tests.deployments.factories import VersionFactory
from tests.deployments.reconciler.acting import made, requested, settle
from tests.deployments.targets.waiting import until

LONG_S = 120.0


def waited(kicks, seconds):
    began = time.monotonic()
    kicks.wait(seconds, threading.Event())
    return time.monotonic() - began


def test_a_kick_ends_the_wait_and_old_kicks_are_forgotten():
    with wake_socket() as kicks:
        kicks.listen()
        wake_worker()
        wake_worker()

        assert waited(kicks, LONG_S) < LONG_S / 2
        assert waited(kicks, 0.01) >= 0.01


def test_a_kick_without_a_listener_is_nothing():
    with wake_socket() as kicks:
        kicks.listen()

    wake_worker()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_request_wakes_the_reconciler_when_it_is_committed():
    version = VersionFactory()
    with wake_socket() as kicks:
        kicks.listen()
        Deployment.request(version, "development", by=None)

        assert waited(kicks, LONG_S) < LONG_S / 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_upload_that_waits_to_be_read_wakes_the_worker():
    with wake_socket() as kicks:
        kicks.listen()
        dataset = Dataset.objects.create(name="measured")
        file = IncomingFile("a.csv", size_bytes=3, sha256="0" * 64)
        dataset.append([file], by=None)

        assert waited(kicks, LONG_S) < LONG_S / 2


def run_aside(reconciler, stopping):
    """Run it in a thread, whose connection to the database ends with it."""
    try:
        run(reconciler, stopping)
    finally:
        connection.close()


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


def test_who_waits_without_a_worker_is_told_at_once():
    with wake_socket() as nobody:
        assert not wake_worker_and_wait()
        assert not nobody.wait(0.0, threading.Event())


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_who_waits_is_answered_by_a_pass_that_began_after_it_called(tmp_path):
    reconciler = made(ScriptedTarget(), time.monotonic, tmp_path)
    stopping = threading.Event()
    thread = threading.Thread(target=run_aside, args=(reconciler, stopping))
    thread.start()

    answered = until(wake_worker_and_wait)
    stopping.set()
    thread.join()

    assert answered


@pytest.mark.django_db
def test_a_pass_with_nothing_to_watch_is_followed_by_a_long_rest(tmp_path):
    target = ScriptedTarget()
    reconciler = made(target, time.monotonic, tmp_path)

    nothing = reconciler.once().due_s
    deployment = requested()
    settle(reconciler)
    Deployment.objects.update(deployed_at=timezone.now() - timedelta(days=1))
    calm = reconciler.once().due_s
    target.crash(str(deployment.pk))
    uneasy = reconciler.once().due_s

    assert (nothing, calm, uneasy) == (REST_S, REST_S, SOON_S)
