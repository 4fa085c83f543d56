"""What a scrape says of the program itself."""

import sys

import pytest
from django.conf import settings as configured
from django.db import OperationalError, connection
from prometheus_client.parser import text_string_to_metric_families

from mlops import __version__
from mlops.core import gauges, metrics, queues

pytestmark = pytest.mark.django_db


def scraped(client):
    """Return {name: [sample]} of web's page."""
    text = client.get("/metrics").content.decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def test_the_build_says_version_and_python(client):
    (build,) = scraped(client)["mlops_build_info"]

    assert build.labels["version"] == __version__
    assert build.labels["python"] == sys.version.split()[0]
    assert build.labels["program"] == "web"


def test_the_database_says_its_size_and_connections(client):
    found = scraped(client)

    assert found["mlops_database_up"][0].value == 1
    assert found["mlops_database_size_bytes"][0].value > 10_000
    if connection.vendor == "postgresql":
        states = {one.labels["state"] for one in found["mlops_database_connections"]}
        assert "active" in states
        assert found["mlops_database_max_connections"][0].value > 1


def test_a_database_that_is_away_leaves_the_rest_of_the_page(client, monkeypatch):
    def away():
        raise OperationalError("gone")
        yield

    monkeypatch.setitem(gauges._FIGURES, connection.vendor, away)
    monkeypatch.setattr(queues, "_queues", {"things": lambda: next(away())})

    found = scraped(client)

    assert found["mlops_database_up"][0].value == 0
    assert "mlops_store_free_bytes" in found
    assert "mlops_queue_length" not in found


def test_the_store_says_what_is_free(client):
    found = scraped(client)

    free, size = (
        found[f"mlops_store_{name}_bytes"][0].value for name in ("free", "size")
    )
    assert 0 < free <= size
    assert found["mlops_store_free_files"][0].value >= 0
    assert configured.DATA_DIR.exists()


def test_every_queue_of_the_worker_is_named(client):
    found = scraped(client)

    names = {one.labels["queue"] for one in found["mlops_queue_length"]}
    assert names == {"deployments", "uploads", "alert_hooks", "webhooks"}
    assert all(one.value == 0 for one in found["mlops_queue_oldest_age_seconds"])


def test_the_workers_page_has_its_own_and_what_is_of_use_to_it():
    registry = metrics.worker_registry(gauges.build_of("worker"))

    names = {family.name for family in registry.collect()}

    assert {"mlops_build_info", "mlops_queue_length", "mlops_store_free_bytes"} <= names
    assert "mlops_deployments" not in names
