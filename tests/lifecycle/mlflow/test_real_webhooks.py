"""Webhooks by MLflow's unmodified client, and to a receiver that MLflow's code checks.

The worker's own thread sends them, as a live server runs beside it.
"""

import threading
from pathlib import Path

import pytest

from bench.mlflow.client import NEWEST
from mlops.core.models import ApiToken
from mlops.webhooks.worker import WebhookSender
from tests.lifecycle.mlflow.server import live_server
from tests.lifecycle.mlflow.test_real_client import python_or_skip, run_client

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SCRIPT = Path(__file__).with_name("webhook_script.py")


@pytest.fixture
def sender(settings, monkeypatch):
    """Run the worker's thread; server and thread may call this machine."""
    settings.ALERT_HOSTS = ["127.0.0.1"]
    monkeypatch.setenv("MLOPS_ALERT_HOSTS", "127.0.0.1")
    stopping = threading.Event()
    with WebhookSender(stopping) as thread:
        yield
        stopping.set()
    thread.end_turns()


@pytest.mark.usefixtures("sender")
def test_receiver_of_mlflows_works_unmodified(person, tmp_path):
    python = python_or_skip(NEWEST)
    _, token = ApiToken.issue(person("admin"), "client")

    with live_server() as (url, _):
        found = run_client(
            python, url, tmp_path, script=SCRIPT, MLFLOW_TRACKING_TOKEN=token
        )

    assert found["faults"] == []
    tested, *received = found["received"]
    assert (found["tested"], tested) == ([True, 200], "model_version.created")
    assert sorted(received) == sorted(found["events"])
    assert found["seen"] == ["cd", "DISABLED", "for CI"]
    assert (found["listed"], found["left"]) == (["cd"], 0)
    assert "budget_policy.exceeded" in found["refusal"]
