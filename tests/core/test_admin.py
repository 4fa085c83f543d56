import pytest
from django.db import OperationalError, connection
from django.urls import reverse
from rest_framework_simplejwt.token_blacklist.models import (
    BlacklistedToken,
    OutstandingToken,
)
from rest_framework_simplejwt.tokens import RefreshToken

from mlops.core import audit
from mlops.core.models import ApiToken, AuditEntry, User


@pytest.fixture
def staff(person, client):
    """Sign a role in to the admin site and return the client."""

    def enter(role="admin", **fields):
        user = person(role)
        User.objects.filter(pk=user.pk).update(is_staff=True, **fields)
        client.force_login(User.objects.get(pk=user.pk))
        return client

    return enter


def page(model, kind="changelist", *args):
    return reverse(f"admin:{model}_{kind}", args=args)


@pytest.mark.parametrize(
    "model", ["core_user", "auth_group", "core_apitoken", "core_auditentry"]
)
def test_every_page_of_people_opens(staff, person, model):
    audit.record("x", person("viewer"), by=None)
    ApiToken.issue(person("viewer"), "cli")

    assert staff().get(page(model)).status_code == 200


def test_audit_trail_cannot_be_changed_by_a_superuser(staff, person):
    audit.record("x", person("viewer"), by=None)
    entry = AuditEntry.objects.get()
    client = staff(is_superuser=True)

    assert client.get(page("core_auditentry", "change", entry.pk)).status_code == 200
    assert client.post(page("core_auditentry", "change", entry.pk)).status_code == 403
    assert client.post(page("core_auditentry", "delete", entry.pk)).status_code == 403
    assert client.get(page("core_auditentry", "add")).status_code == 403


JOINED = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}


def test_admin_role_cannot_rise_to_superuser(staff, person):
    admin = person("admin")
    form = {
        "username": "admin",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        **JOINED,
    }

    answer = staff().post(page("core_user", "change", admin.pk), form)

    admin.refresh_from_db()
    assert answer.status_code == 302
    assert not admin.is_superuser


def test_admin_role_cannot_touch_a_superuser(staff, person):
    root = person("nobody", "root")
    User.objects.filter(pk=root.pk).update(is_superuser=True)
    client = staff()

    pages = [
        ("core_user", "change"),
        ("core_user", "delete"),
        ("auth_user", "password_change"),
    ]

    assert [client.post(page(*one, root.pk)).status_code for one in pages] == [403] * 3


def test_admin_role_cannot_change_what_a_group_may_do(staff, person):
    group = person("viewer").groups.get()

    assert staff().post(page("auth_group", "change", group.pk)).status_code == 403


def test_change_of_a_person_is_recorded_without_values(staff, person):
    viewer = person("viewer")
    form = {"username": "viewer", "email": "new@example.org", **JOINED}

    staff().post(page("core_user", "change", viewer.pk), form)

    entry = AuditEntry.objects.get(action="change")
    assert entry.actor == person("admin")
    assert "new@example.org" not in str(entry.changes)


def test_staff_revoke_tokens_by_action(staff, person):
    token, _ = ApiToken.issue(person("viewer"), "cli")
    form = {"action": "revoke", "_selected_action": [str(token.pk)]}

    staff().post(page("core_apitoken"), form)

    token.refresh_from_db()
    assert token.revoked_at is not None
    assert AuditEntry.objects.get().action == "revoke"


@pytest.fixture
def full_disk():
    """Let no audit entry be written, as when the disk is full."""

    def refuse(execute, sql, params, many, context):
        if "INSERT INTO core_auditentry" in sql:
            raise OperationalError("database or disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def test_token_whose_revocation_is_not_recorded_stays(staff, person, full_disk):
    token, _ = ApiToken.issue(person("viewer"), "cli")
    form = {"action": "revoke", "_selected_action": [str(token.pk)]}

    answer = staff().post(page("core_apitoken"), form)

    assert answer.status_code == 503
    token.refresh_from_db()
    assert token.revoked_at is None


def test_refresh_token_that_staff_block_is_recorded_and_stays_blocked(staff, person):
    RefreshToken.for_user(person("viewer"))
    given_out = OutstandingToken.objects.get()
    client = staff(is_superuser=True)

    client.post(
        page("token_blacklist_blacklistedtoken", "add"), {"token": given_out.pk}
    )

    blocked = BlacklistedToken.objects.get(token=given_out)
    gone = client.post(
        page("token_blacklist_blacklistedtoken", "delete", blocked.pk), {"post": "yes"}
    )
    assert gone.status_code == 403
    assert BlacklistedToken.objects.filter(pk=blocked.pk).exists()
    entry = AuditEntry.objects.get(object_type="token_blacklist.blacklistedtoken")
    assert (entry.action, entry.actor) == ("create", person("admin"))
