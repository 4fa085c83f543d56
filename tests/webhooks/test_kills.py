"""The worker is killed for real while it sends; another goes on where it was."""

import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from mlops.core import audit
from mlops.webhooks.models import Webhook, WebhookDelivery
from mlops.webhooks.states import MessageState
from tests.deployments.targets.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
TARGET = "lifecycle.modelversion"
OBJECTS, EACH = 5, 12


@pytest.fixture
def environment(tmp_path):
    """Settings of workers on the database of this test, which may call this machine."""
    database = {
        key: value
        for key, value in connection.settings_dict.items()
        if key in {"ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS"}
    }
    (tmp_path / "worker_settings.py").write_text(
        "from pathlib import Path, PosixPath\n"
        "from tests.settings import *\n"
        f"DATABASES = {{'default': {database!r}}}\n"
        f"DATA_DIR = Path({str(tmp_path)!r})\n"
        "ALERT_HOSTS = ['127.0.0.1']\n"
    )
    return {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "worker_settings",
    }


@contextmanager
def worker(environment):
    """Run the worker as it is run; whatever it leaves ends with its group."""
    command = [sys.executable, "manage.py", "reconcile"]
    process = subprocess.Popen(
        command, env=environment, cwd=ROOT, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def happen():
    """Put events of each object on record, in turns."""
    for number in range(EACH):
        for one in range(OBJECTS):
            named = (TARGET, str(one), f"churn {one}")
            with transaction.atomic(), connection.cursor() as cursor:
                audit.note(cursor, "approve", named, by=None, changes={"turn": number})


def let_claims_run_out():
    now = timezone.now()
    Webhook.objects.update(claimed_until=now)
    WebhookDelivery.objects.filter(state=MessageState.WAITING).update(next_at=now)


def is_all_told():
    waits = WebhookDelivery.objects.exclude(state=MessageState.DELIVERED)
    told = WebhookDelivery.objects.count() == OBJECTS * EACH
    return told and not waits.exists()


def test_killed_workers_lose_nothing_and_change_no_order(receiver, environment):
    kinds = ["model_version.approved"]
    Webhook.add(by=None, name="all", url=receiver.url, kinds=kinds)
    kills, killed = {3, 20, 41}, []

    def kill_in_the_middle(_event):
        if len(receiver.requests) in kills - set(killed):
            killed.append(len(receiver.requests))
            os.kill(running.pid, signal.SIGKILL)
        return 200

    receiver.answers = kill_in_the_middle
    writer = threading.Thread(target=written_by_another)
    writer.start()
    for _ in kills:
        with worker(environment) as running:
            until(lambda: running.poll() is not None)
        let_claims_run_out()
    writer.join()
    with worker(environment) as running:
        until(is_all_told)

    assert set(killed) == kills
    came = defaultdict(list)
    bodies = defaultdict(set)
    for event, (_headers, body) in zip(receiver.events, receiver.requests, strict=True):
        came[event["subject"]].append(event["data"]["number"])
        bodies[event["id"]].add(body)
    assert len(bodies) == OBJECTS * EACH
    assert all(len(versions) == 1 for versions in bodies.values())
    assert len(receiver.requests) >= OBJECTS * EACH + len(kills)
    for numbers in came.values():
        assert numbers == sorted(numbers)
        assert list(dict.fromkeys(numbers)) == list(range(1, EACH + 1))


def written_by_another():
    try:
        happen()
    finally:
        connection.close()
