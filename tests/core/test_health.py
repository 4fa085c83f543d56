import pytest
from django.db import OperationalError, ProgrammingError, connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from mlops.core import health, metrics
from mlops.core.models import ApiToken


def test_alive_asks_nothing_of_the_database(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_database_and_folder_are(client, db):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "data_folder": "ok"}


def test_missing_migration_is_not_ready(client, db):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'core'")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "migrations are missing"


def test_missing_data_folder_is_not_ready(client, db, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["data_folder"] == "not writable"


def test_metrics_count_by_pattern_and_never_by_path(client, db):
    client.get("/healthz")
    client.get("/nothing/here/like-this")

    text = client.get("/metrics").content.decode()

    families = {family.name for family in text_string_to_metric_families(text)}
    assert {"mlops_http_requests", "mlops_http_request_duration_seconds"} <= families
    assert 'route="healthz"' in text
    assert "like-this" not in text


def test_gauges_of_apps_are_read_at_each_scrape(client, monkeypatch):
    monkeypatch.setattr(metrics._gauges, "sources", [])
    values = iter([1, 2])

    def source():
        yield GaugeMetricFamily("mlops_things", "Things.", value=next(values))

    metrics.register_gauges(source)

    first, second = (client.get("/metrics").content for _ in range(2))

    assert (b"mlops_things 1.0" in first, b"mlops_things 2.0" in second) == (True, True)


@pytest.mark.parametrize("signed_in", [False, True])
def test_scrape_from_elsewhere_needs_credentials(client, person, signed_in):
    _, text = ApiToken.issue(person("viewer"), "prometheus", scopes=["read"])
    header = {"HTTP_AUTHORIZATION": f"Bearer {text}"} if signed_in else {}

    answer = client.get("/metrics", REMOTE_ADDR="10.1.1.1", **header)

    assert answer.status_code == (200 if signed_in else 401)


@pytest.mark.parametrize("address", ["/api/v1/auth/login", "/admin/login/"])
def test_sign_in_without_tables_says_that_migrations_are_missing(client, db, address):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_user RENAME TO core_user_of_before")

    kind = "application/x-www-form-urlencoded"
    answer = client.post(address, "username=ann&password=x", content_type=kind)

    assert answer.status_code == 503
    assert "run `manage.py migrate`" in answer.json()["detail"]


def test_a_wrong_statement_of_ours_is_no_missing_migration():
    wrong = ProgrammingError("syntax error")

    assert not health.lacks_migrations(wrong)
    assert health.lacks_migrations(OperationalError("no such table: core_user"))
