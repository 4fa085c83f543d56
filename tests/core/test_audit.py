import importlib

import pytest
from django.db import IntegrityError, connection, transaction

from mlops.core import audit
from mlops.core.models import AuditEntry
from mlops.core.models.audit import AppendOnly

GUARD = importlib.import_module("mlops.core.migrations.0002_keep_the_audit_trail")

AUDIT = "/api/v1/audit"


@pytest.fixture
def entries(person):
    ann, bob = person("viewer", "ann"), person("viewer", "bob")
    audit.record("create", ann, by=bob, changes={"name": "ann"})
    audit.record("change", bob, by=ann)
    audit.record("change", bob, by=None)


def test_newest_entry_comes_first_with_all_that_is_known(api, entries):
    answer = api("approver").get(AUDIT)

    newest, _, oldest = answer.json()
    assert answer["X-Total-Count"] == "3"
    assert newest["actor"] is None
    assert (oldest["actor"], oldest["action"]) == ("bob", "create")
    assert oldest["changes"] == {"name": "ann"}
    assert oldest["object_type"] == "core.user"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?actor=ann", 1),
        ("?action=change", 2),
        ("?object_type=core.user", 3),
        ("?date_from=2100-01-01T00:00:00Z", 0),
        ("?limit=1", 1),
        ("?skip=2", 1),
    ],
)
def test_trail_can_be_searched_and_paged(api, entries, query, count):
    assert len(api("admin").get(AUDIT + query).json()) == count


@pytest.mark.parametrize(
    "query", ["?nobody=1", "?date_from=soon", "?limit=0", "?page=x"]
)
def test_bad_query_is_400(api, entries, query):
    assert api("admin").get(AUDIT + query).status_code == 400


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_trail_cannot_be_written(api, entries, method):
    answer = getattr(api("admin"), method)(AUDIT)

    assert answer.status_code == 405
    assert AuditEntry.objects.count() == 3


@pytest.mark.parametrize(
    "act",
    [
        lambda rows: rows.update(action="y"),
        lambda rows: rows.delete(),
        lambda rows: rows.bulk_update(list(rows), ["action"]),
        lambda rows: rows[0].save(),
        lambda rows: rows[0].delete(),
    ],
    ids=["update", "delete", "bulk_update", "save", "delete one"],
)
def test_trail_is_not_changed_through_the_models(entries, act):
    with pytest.raises(AppendOnly), transaction.atomic():
        act(AuditEntry.objects.order_by("pk"))

    assert AuditEntry.objects.filter(action="change").count() == 2


@pytest.mark.parametrize(
    "statement",
    ["UPDATE core_auditentry SET action = 'y'", "DELETE FROM core_auditentry"],
)
def test_trail_is_not_changed_in_sql(entries, statement):
    if connection.vendor == "sqlite":  # the tests' own clearing had to take it away
        for trigger in GUARD.SQLITE:
            connection.cursor().execute(trigger)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)

    assert AuditEntry.objects.filter(action="change").count() == 2


def test_length_of_the_trail_costs_no_queries(api, person, django_assert_num_queries):
    client = api("admin")
    for number in range(20):
        audit.record(
            "x", person("viewer", f"n{number}"), by=person("viewer", f"n{number}")
        )

    with django_assert_num_queries(4):
        client.get(AUDIT)


def test_request_id_and_address_stand_in_the_entry(api):
    api("viewer").post(
        "/api/v1/auth/tokens",
        {"name": "cli"},
        HTTP_X_REQUEST_ID="r-1",
        REMOTE_ADDR="10.2.3.4",
    )

    entry = AuditEntry.objects.get(action="issue")

    assert (entry.request_id, entry.remote_address) == ("r-1", "10.2.3.4")


@pytest.mark.parametrize(
    "moment", ["soon", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00%2B01:00"]
)
def test_time_that_is_none_in_utc_is_400(api, moment):
    answer = api("admin").get(f"{AUDIT}?date_from={moment}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == ["query", "date_from"]
