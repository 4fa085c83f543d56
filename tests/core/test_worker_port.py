"""The worker's own port: alive, fit for work, metrics."""

import json
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlops.core.models import ApiToken
from mlops.worker import port
from mlops.worker.heartbeat import HEARTBEAT, Heartbeat
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def address():
    """Return where a worker answers in this process."""
    number = free_port()
    assert port.start("127.0.0.1", number)
    return f"http://127.0.0.1:{number}"


@pytest.fixture(autouse=True)
def heartbeat(monkeypatch):
    """Return a heart that beats now."""
    HEARTBEAT.beat()
    yield HEARTBEAT
    HEARTBEAT.beat()


def asked(url, **headers):
    """Return status and text."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    connection.request("GET", parts.path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_a_worker_whose_loop_comes_round_is_ready(address):
    status, text = asked(f"{address}/readyz")

    body = json.loads(text)
    assert status == 200
    assert body["checks"] == {"loop": "ok", "database": "ok", "data_folder": "ok"}
    assert body["others"]["worker"]["heartbeat_age_s"] < 60


@pytest.mark.parametrize(
    ("silent_s", "healthz", "readyz"), [(70, 200, 503), (200, 503, 503)]
)
def test_a_silent_loop_is_first_unready_and_then_dead(
    address, heartbeat, silent_s, healthz, readyz
):
    heartbeat.seen_at = time.monotonic() - silent_s

    assert asked(f"{address}/healthz")[0] == healthz
    assert asked(f"{address}/readyz")[0] == readyz


def test_its_page_has_heartbeat_lease_threads_and_queues(address, heartbeat):
    heartbeat.passed(0.25, is_leader=True)
    heartbeat.round_of("IngestionThread", 0.5, failed=True)

    _, text = asked(f"{address}/metrics")

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["mlops_worker_heartbeat_age_seconds",] < 60
    assert samples["mlops_worker_is_leader",] == 1
    assert samples["mlops_worker_pass_seconds_count",] >= 1
    assert samples["mlops_worker_thread_failures_total", "IngestionThread"] >= 1
    assert ("mlops_queue_oldest_age_seconds", "deployments") in samples
    assert any(key[:2] == ("mlops_build_info", "worker") for key in samples)


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_scrape_through_a_proxy_needs_credentials(address, person, signed_in):
    _, text = ApiToken.issue(person("viewer"), "prometheus", scopes=["read"])
    headers = {"X-Forwarded-For": "127.0.0.1"}
    if signed_in:
        headers["Authorization"] = f"Bearer {text}"

    status, _ = asked(f"{address}/metrics", **headers)

    assert status == (200 if signed_in else 401)


def test_there_is_nothing_else(address):
    assert asked(f"{address}/admin/")[0] == 404


def test_a_port_that_is_taken_is_one_warning(address, caplog):
    number = int(address.rpartition(":")[2])

    assert not port.start("127.0.0.1", number)

    assert "MLOPS_WORKER_PORT chooses another" in caplog.text


def test_passes_add_up():
    heart = Heartbeat()

    heart.passed(1.0, is_leader=False)
    heart.passed(0.5, is_leader=True)

    assert (heart.passes, heart.passing_s, heart.is_leader) == (2, 1.5, True)
