import pytest

from mlops.core import audit
from mlops.core.models import AuditEntry

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
