"""Alerts against real faults: fired, delivered, cleared; panels that answer series."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from django.conf import settings

from tests.ops.monitoring import OPS, PROGRAMS, Monitoring, descendants, missing
from tests.ops.test_files import ON_POSTGRESQL, panels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing()), reason=f"needs Debian's prometheus: {', '.join(PROGRAMS)}"
    ),
]
COMMANDS = {
    "web": "-m granian",
    "worker": "manage.py reconcile",
    "gateway": "deployments.gateway",
}
FAILED = """
from deployments.models import Deployment
from tests.deployments.factories import VersionFactory
from tests.lifecycle.factories import ExperimentFactory, RunFactory
home = ExperimentFactory(name="no model", owner=None)
run = RunFactory(experiment=home, uid="no-model", created_by=None)
version = VersionFactory(model__name="no model", run=run)
Deployment.request(version, "development", by=None)
"""


@pytest.fixture(scope="module")
def monitoring(stack, traffic, tmp_path_factory):
    ports = {"8500": stack.port, "8501": stack.serving_port, "8503": stack.worker_port}
    made = Monitoring(tmp_path_factory.mktemp("prometheus"), ports)
    yield made
    made.close()


@contextmanager
def stopped(stack, *programs):
    """Hold programs as if they hung: nobody starts them anew."""
    words = [COMMANDS[name] for name in programs]
    pids = [
        pid
        for pid, line in descendants(stack.process.pid).items()
        if any(word in line for word in words)
    ]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def models_hang(stack):
    """Hold every process that serves the model, also those that come meanwhile."""
    ended, held = threading.Event(), set()

    def hold():
        while not ended.wait(0.2):
            for path in (stack.folder / "run" / "instances").glob("*.json"):
                with suppress(OSError, ValueError, KeyError):
                    pid = json.loads(path.read_bytes())["pid"]
                    os.kill(pid, signal.SIGSTOP)
                    held.add(pid)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for pid in held:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_prometheus_takes_the_files():
    config = subprocess.run(
        ["promtool", "check", "config", OPS / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert config.returncode == 0, config.stdout + config.stderr


def test_every_alert_fires_and_clears_by_its_rule(tmp_path):
    shutil.copy(OPS / "alerts.yml", tmp_path)
    shutil.copy(settings.BASE_DIR / "tests" / "ops" / "alerts_test.yml", tmp_path)

    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_answers_series_under_load(monitoring):
    deadline = time.monotonic() + 120
    empty = None
    while empty != set() and time.monotonic() < deadline:
        time.sleep(5)
        empty = {
            panel["title"]
            for panel in panels()
            for target in panel["targets"]
            if not any(name in target["expr"] for name in ON_POSTGRESQL)
            and not monitoring.series(
                target["expr"]
                .replace("$__rate_interval", "30s")
                .replace("$environment", ".*")
                .replace("$model", ".*")
            )
        }

    assert empty == set()


def test_a_program_that_hangs_is_told_and_so_is_its_return(stack, monitoring):
    with stopped(stack, "web", "worker", "gateway"):
        monitoring.fired("WebDown", "WorkerDown", "GatewayDown")

    monitoring.cleared("WebDown", "WorkerDown", "GatewayDown")


def test_a_backup_ends_the_alert_that_there_is_none(stack, monitoring, tmp_path):
    monitoring.fired("BackupTooOld")

    stack.manage("backup", str(tmp_path / "backup"))

    monitoring.cleared("BackupTooOld")


def test_a_disk_below_its_threshold_is_told(monitoring):
    monitoring.write_rules(
        ("mlops_store_size_bytes) < 0.1", "mlops_store_size_bytes) < 2")
    )
    monitoring.reload()
    monitoring.fired("DiskLow")

    monitoring.write_rules()
    monitoring.reload()

    monitoring.cleared("DiskLow")


def test_a_failed_deployment_is_told_once(stack, monitoring):
    stack.manage("shell", "-v0", "-c", FAILED)

    monitoring.fired("DeploymentFailed")
    monitoring.cleared("DeploymentFailed")


def test_a_model_that_hangs_is_told(stack, monitoring):
    with models_hang(stack):
        monitoring.fired("PredictionErrors", "DeploymentUnhealthy")

    monitoring.cleared("PredictionErrors", "DeploymentUnhealthy")
