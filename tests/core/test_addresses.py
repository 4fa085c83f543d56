"""Signing in by e-mail address, and whose an address is."""

import time
from contextlib import suppress
from io import StringIO

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.checks import run_checks
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from mlops.core.models import ApiToken, AuditEntry, User
from tests.core.test_sign_in import LOGIN, ME, basic

PASSWORD = "correct horse battery"
COUNTED = "tests.core.test_addresses.CountingHasher"


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed, which is what signing in costs."""

    algorithm = "counted"
    runs = 0

    def encode(self, password, salt):
        type(self).runs += 1
        return super().encode(password, salt)


@pytest.fixture
def ann(db):
    return User.objects.create_user("ann", "Ann@Example.org", PASSWORD)


def sign_in(name, password=PASSWORD, **extra):
    body = {"username": name, "password": password}
    return APIClient().post(LOGIN, body, format="json", **extra)


@pytest.mark.parametrize(
    "name",
    [
        "ann",
        "Ann@Example.org",
        "ann@example.org",
        "ANN@EXAMPLE.ORG",
        "\uff41nn@example.org",
    ],
)
def test_name_and_address_in_any_letters_sign_in(ann, name):
    answer = sign_in(name)

    assert answer.status_code == 200
    assert answer.json()["user_info"]["username"] == "ann"


@pytest.mark.parametrize("name", ["Ann", "ann@example.com", "", "@"])
def test_another_name_or_address_does_not(ann, name):
    assert sign_in(name).status_code in {401, 422}


def test_basic_takes_the_address_with_a_password_and_with_a_token(ann, person):
    person("viewer")
    _token, text = ApiToken.issue(ann, "cli")

    right = [basic("ANN@example.org", PASSWORD), basic("ANN@example.org", text)]
    wrong = [basic("viewer@example.org", text), basic("ann@example.com", PASSWORD)]

    assert [APIClient().get(ME, **one).status_code for one in right] == [200, 200]
    assert [APIClient().get(ME, **one).status_code for one in wrong] == [401, 401]


def test_admin_site_takes_the_address(ann, client):
    User.objects.filter(pk=ann.pk).update(is_staff=True)
    form = {"username": "ANN@example.org", "password": PASSWORD, "next": "/admin/"}

    page = client.get("/admin/login/").content.decode()
    answer = client.post("/admin/login/", form)

    assert "User name or e-mail address" in page
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("username", "email", "field"),
    [
        ("bob", "ann@EXAMPLE.org", "email"),
        ("bob", "ANN", "email"),
        ("ANN@example.ORG", "", "username"),
        ("ann@example.org", "", "username"),
    ],
)
def test_address_of_one_is_neither_address_nor_name_of_another(
    ann, username, email, field
):
    with pytest.raises(ValidationError) as refusal:
        User.objects.create_user(username, email)

    assert set(refusal.value.message_dict) == {field}
    assert User.objects.count() == 1


def test_own_name_may_be_the_own_address(db):
    User.objects.create_user("dan@example.org", "Dan@Example.org", PASSWORD)

    assert sign_in("DAN@example.org").status_code == 200


def test_taken_address_is_422_by_rest_and_names_the_field(ann, api, person):
    other = person("viewer")
    other.email = "ann@example.org"

    with pytest.raises(ValidationError, match="Another account signs in"):
        other.save(update_fields=["email"])

    other.refresh_from_db()
    assert other.email == "viewer@example.org"


def test_admin_page_names_the_field_of_a_taken_address(ann, client):
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    client.force_login(root)
    form = {"email": "ANN@example.org", "date_joined_0": "2026-01-01"}
    form |= {"username": "root", "date_joined_1": "00:00:00"}
    new = {"username": "Ann@example.ORG", "usable_password": "false"}

    change = client.post(reverse("admin:core_user_change", args=[root.pk]), form)
    add = client.post(reverse("admin:core_user_add"), new)

    errors = (
        change.context["adminform"].form.errors,
        add.context["adminform"].form.errors,
    )
    assert [set(one) for one in errors] == [{"email"}, {"username"}]
    assert User.objects.count() == 2


def test_createsuperuser_and_changepassword_leave_entries(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    name = {"username": "root", "email": "root@example.org"}
    call_command("createsuperuser", interactive=False, stdout=StringIO(), **name)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "staple correct horse")
    call_command("changepassword", "root", stdout=StringIO())

    root = User.objects.get(username="root")
    rows = AuditEntry.objects.order_by("pk")
    assert root.check_password("staple correct horse")
    assert [(row.action, row.object_id, row.via, row.changes) for row in rows] == [
        ("create", str(root.pk), "command line", {"is_superuser": True}),
        ("change", str(root.pk), "command line", {"fields": ["password"]}),
    ]


def test_person_who_is_saved_otherwise_leaves_no_entry_of_a_command(db):
    with suppress(CommandError):
        call_command("changepassword", "nobody", stdout=StringIO())

    User.objects.create_user("ann")

    assert not AuditEntry.objects.exists()


def test_createsuperuser_says_that_an_address_is_taken(ann):
    with pytest.raises(CommandError, match="Another account signs in by this address"):
        call_command(
            "createsuperuser",
            interactive=False,
            username="root",
            email="ANN@example.org",
            stderr=StringIO(),
        )


def test_database_refuses_a_second_account_of_an_address(ann):
    other = User.objects.create_user("bob")

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=other.pk).update(address_key=ann.address_key)


def test_change_of_an_address_counts_at_once(ann):
    ann.email = "Ann@Elsewhere.org"
    ann.save(update_fields=["email"])

    assert sign_in("ann@elsewhere.org").status_code == 200
    assert sign_in("ann@example.org").status_code == 401


def test_wrong_passwords_count_for_the_account_however_it_is_named(ann, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    names = ["ann", "ann@example.org", "ANN@example.org"]

    statuses = [sign_in(names[n % 3], "wrong").status_code for n in range(11)]

    assert statuses == [401] * 10 + [429]


def test_spellings_of_an_unknown_address_count_together(db, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    names = ["bob@example.org", "BOB@example.org"]

    statuses = [sign_in(names[n % 2], "wrong").status_code for n in range(11)]

    assert statuses == [401] * 10 + [429]


def test_unknown_address_costs_as_much_as_a_wrong_password(settings, db):
    settings.PASSWORD_HASHERS = [COUNTED]
    User.objects.create_user("ann", "ann@example.org", PASSWORD)
    User.objects.create_user("eve", "", PASSWORD, is_active=False)

    def cost(name):
        sign_in(name, "wrong")
        CountingHasher.runs = 0
        with CaptureQueriesContext(connection) as queries:
            assert sign_in(name, "wrong").status_code == 401
        return CountingHasher.runs, len(queries)

    names = ["ann", "ann@example.org", "eve", "bob", "bob@example.org"]
    costs = {cost(name) for name in names}

    assert len(costs) == 1
    assert costs.pop()[0] == 1


# What was there before addresses signed anybody in ------------------------------------
BEFORE = [("core", "0002_keep_the_audit_trail")]


@pytest.fixture
def before():
    """Take the tables back to the release before; yield its model of accounts."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps.get_model("core", "User")
    forward()


def forward():
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def shared(before, capsys):
    """Two accounts of one address, one whose address is a name, and one by itself."""
    rows = [
        ("ann", "team@example.org"),
        ("bob", "TEAM@example.org"),
        ("cat", "dan@example.org"),
        ("Dan@example.org", ""),
        ("eve", "Eve@example.org"),
    ]
    made = {
        name: before.objects.create(username=name, email=email) for name, email in rows
    }
    capsys.readouterr()
    forward()
    for user in User.objects.filter(pk__in=[one.pk for one in made.values()]):
        user.set_password(PASSWORD)
        user.save()
    return capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_migration_keeps_shared_addresses_and_lists_them(shared):
    listed = [line.strip() for line in shared.splitlines() if "@" in line]

    assert listed == [
        "ann: team@example.org",
        "bob: TEAM@example.org",
        "cat: dan@example.org",
    ]
    assert User.objects.get(username="bob").email == "TEAM@example.org"


@pytest.mark.django_db(transaction=True)
def test_only_the_user_name_signs_in_where_an_address_is_shared(shared):
    by_name = [sign_in(name).status_code for name in ("ann", "bob", "cat")]
    by_address = [
        sign_in(a).status_code for a in ("team@example.org", "dan@example.org")
    ]

    assert by_name == [200, 200, 200]
    assert by_address == [401, 401]
    assert (
        sign_in("Dan@example.org").json()["user_info"]["username"] == "Dan@example.org"
    )
    assert sign_in("eve@example.org").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_shared_address_signs_in_once_the_other_has_another(shared):
    bob = User.objects.get(username="bob")
    bob.email = "bob@example.org"
    bob.save()

    assert sign_in("Team@example.org").json()["user_info"]["username"] == "ann"
    assert sign_in("BOB@example.org").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_check_and_admin_list_shared_addresses(shared, client):
    client.force_login(User.objects.create_superuser("root"))
    url = reverse("admin:core_user_changelist")

    found = [one for one in run_checks(databases=["default"]) if one.id == "mlops.W003"]
    page = client.get(f"{url}?address_is_shared__exact=1")

    assert [one.msg.split()[0] for one in found] == ["cat", "ann", "bob"]
    assert {one.username for one in page.context["cl"].result_list} == {
        "ann",
        "bob",
        "cat",
    }
