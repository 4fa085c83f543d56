import importlib
import threading
from datetime import timedelta
from threading import Event

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from mlops.core import audit
from mlops.core.context import command_line
from mlops.core.models import AuditEntry
from mlops.core.models.audit import AppendOnly

GUARD = importlib.import_module("mlops.core.migrations.0002_keep_the_audit_trail")
LETS_GO = importlib.import_module("mlops.core.migrations.0007_number_what_happens")

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


def guarded():
    """Bring back what the tests' own clearing had to take away."""
    if connection.vendor == "sqlite":
        for trigger in (GUARD.SQLITE[0], LETS_GO.SQLITE):
            connection.cursor().execute(trigger)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE core_auditentry SET action = 'y'", "DELETE FROM core_auditentry"],
)
def test_trail_is_not_changed_in_sql(entries, statement):
    guarded()

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


def test_entries_of_one_thing_are_counted(person):
    ann, bob = person("viewer", "ann"), person("viewer", "bob")

    for somebody in (ann, bob, ann, ann):
        audit.record("x", somebody, by=None)

    of_ann = AuditEntry.objects.filter(object_id=str(ann.pk)).order_by("pk")
    assert list(of_ann.values_list("number", flat=True)) == [1, 2, 3]
    assert AuditEntry.objects.get(object_id=str(bob.pk)).number == 1


def test_count_goes_on_behind_entries_that_have_no_number(person):
    ann = person("viewer", "ann")
    for _ in range(2):
        AuditEntry.objects.create(
            action="x", object_type="core.user", object_id=str(ann.pk)
        )

    audit.record("y", ann, by=None)
    audit.record("z", ann, by=None)

    numbers = AuditEntry.objects.order_by("pk").values_list("number", flat=True)
    assert list(numbers) == [None, None, 3, 4]


def test_trail_is_followed_by_the_last_id_seen(api, entries):
    client = api("admin")
    first = client.get(f"{AUDIT}?after=0&limit=2")
    last = first.json()[-1]["id"]
    rest = client.get(f"{AUDIT}?after={last}").json()
    end = client.get(f"{AUDIT}?after={rest[-1]['id']}")

    assert [entry["action"] for entry in first.json()] == ["create", "change"]
    assert first["X-Total-Count"] == "3"
    assert [entry["actor"] for entry in rest] == [None]
    assert (end.json(), end["X-Total-Count"]) == ([], "0")


@pytest.mark.parametrize("after", ["", "-1", "x", "1.5", "9" * 30])
def test_an_id_that_no_entry_can_have_is_400(api, after):
    answer = api("admin").get(f"{AUDIT}?after={after}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == ["query", "after"]


def test_an_entry_says_by_which_way_it_came(api, person):
    api("viewer").post("/api/v1/auth/tokens", {"name": "cli"})
    with command_line():
        audit.record("x", person("viewer"), by=None)
    audit.record("y", person("viewer"), by=None)

    shown = {entry["action"]: entry["via"] for entry in api("admin").get(AUDIT).json()}
    by_command = api("admin").get(f"{AUDIT}?via=command line").json()

    assert shown == {"issue": "rest", "x": "command line", "y": "system"}
    assert [entry["action"] for entry in by_command] == ["x"]
    assert api("admin").get(f"{AUDIT}?via=door").status_code == 400


@pytest.fixture
def aged(person, monkeypatch):
    """Write an entry of each name, as many days ago as that."""

    def write(days, *names):
        then = timezone.now() - timedelta(days=days)
        with monkeypatch.context() as clock:
            clock.setattr(timezone, "now", lambda: then)
            for name in names:
                audit.record("x", person("viewer", name), by=None)

    return write


def test_old_entries_go_but_the_newest_of_each_thing(aged, settings):
    guarded()
    settings.AUDIT_DAYS = 30
    aged(40, "ann", "ann", "bob", "ann")
    aged(5, "ann", "bob")

    assert audit.prune() == 4

    kept = AuditEntry.objects.exclude(action="prune").order_by("pk")
    assert list(kept.values_list("object_name", "number")) == [("ann", 4), ("bob", 2)]
    (pruned,) = AuditEntry.objects.filter(action="prune")
    assert pruned.changes["days"] == 30
    assert pruned.changes["up_to"] < kept[0].pk
    assert audit.prune() == 0


def test_what_nobody_does_anything_to_keeps_its_last_entry(aged, settings):
    settings.AUDIT_DAYS = 30
    aged(40, "ann", "ann")

    audit.prune()

    assert AuditEntry.objects.get(object_type="core.user").number == 2


def test_trail_is_kept_for_ever_unless_it_is_told_otherwise(aged, settings):
    aged(4000, "ann", "ann")

    assert (settings.AUDIT_DAYS, audit.prune()) == (0, 0)
    assert AuditEntry.objects.count() == 2


def test_what_is_not_on_record_as_let_go_stays(aged, settings):
    guarded()
    settings.AUDIT_DAYS = 30
    aged(40, "ann", "ann")
    audit.prune()
    aged(5, "ann")

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        connection.cursor().execute("DELETE FROM core_auditentry WHERE action = 'x'")


class Writer(threading.Thread):
    """Writes an entry in a transaction of its own, which ends when it is let."""

    def __init__(self, who):
        super().__init__()
        self.who, self.has_written, self.may_end = who, Event(), Event()
        self.start()

    def run(self):
        with transaction.atomic():
            audit.record("x", self.who, by=None)
            self.has_written.set()
            self.may_end.wait(30)
        connection.close()

    def end(self):
        self.may_end.set()
        self.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer")
def test_no_entry_comes_to_light_behind_one_that_was_read(person):
    ann, bob, eve = (person("viewer", name) for name in ("ann", "bob", "eve"))
    audit.record("before", eve, by=None)
    slow = Writer(ann)
    slow.has_written.wait(30)
    audit.record("quick", bob, by=None)

    meanwhile = actions_behind(0)
    slow.end()

    assert meanwhile == ["before"]
    assert actions_behind(0) == ["before", "x", "quick"]


def actions_behind(entry):
    rows = audit.settled(AuditEntry.objects.filter(pk__gt=entry)).order_by("pk")
    return list(rows.values_list("action", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer")
def test_two_who_write_of_one_thing_at_once_count_on(person):
    ann = person("viewer", "ann")
    first = Writer(ann)
    first.has_written.wait(30)
    second = Writer(ann)
    is_early = second.has_written.wait(0.3)
    first.end()
    second.end()

    assert not is_early
    numbers = AuditEntry.objects.order_by("pk").values_list("number", flat=True)
    assert list(numbers) == [1, 2]
