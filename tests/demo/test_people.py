"""The first people of a fresh store, and tokens made at the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mlops.core.models import ApiToken, AuditEntry, User
from mlops.demo import people

pytestmark = pytest.mark.django_db


def test_fresh_store_gets_three_people_whose_tokens_work():
    newcomers = people.create_users()

    assert list(newcomers.tokens) == ["admin", "scientist", "approver"]
    for name, token in newcomers.tokens.items():
        assert ApiToken.objects.find(token).user.username == name
    admin = User.objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password(newcomers.password)


def test_demo_people_have_roles_and_no_password():
    people.create_users()

    scientist = User.objects.get(username="scientist")
    roles = set(scientist.groups.values_list("name", flat=True))
    assert roles == {"data scientist", "deployer"}
    assert not scientist.has_usable_password()
    assert not scientist.has_perm("lifecycle.approve_modelversion")
    assert User.objects.get(username="approver").has_perm(
        "lifecycle.approve_modelversion"
    )


def test_demo_people_have_addresses_to_sign_in_by():
    people.create_users()

    for name in ("admin", "scientist", "approver"):
        assert User.meant_by(f"{name}@EXAMPLE.org").username == name


def test_second_start_makes_nobody():
    people.create_users()

    again = people.create_users()

    assert again == people.NewUsers()
    assert User.objects.count() == 3


def test_store_with_people_gets_no_newcomers(person):
    person("viewer")

    assert people.create_users() == people.NewUsers()
    assert User.objects.count() == 1


def test_production_gets_no_newcomers(settings):
    settings.PRODUCTION = True

    people.create_users()

    assert not User.objects.exists()


def test_given_password_is_the_admins(settings):
    given = "a-long-enough-passphrase"
    settings.ADMIN_PASSWORD = given

    people.create_users()

    assert User.objects.get(username="admin").check_password(given)


def test_tokens_of_the_story_end_with_it():
    with people.signed_in("scientist", "approver") as tokens:
        owners = [ApiToken.objects.find(token).user.username for token in tokens]

    assert owners == ["scientist", "approver"]
    assert not ApiToken.objects.usable().exists()


def test_demo_is_refused_in_production(settings):
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="--force"):
        call_command("demo")


def test_issue_token_prints_a_token_that_works(person):
    person("viewer", "reader")
    output = StringIO()

    call_command(
        "issue_token", "reader", "--scope", "predict", "--days", "1", stdout=output
    )

    token = ApiToken.objects.find(output.getvalue().strip())
    assert token.user.username == "reader"
    assert token.scopes == ["predict"]
    assert token.expires_at is not None


def test_issue_token_needs_a_user(db):
    with pytest.raises(CommandError, match="no user"):
        call_command("issue_token", "nobody-here")


def test_first_people_and_their_tokens_are_on_record():
    newcomers = people.create_users()

    entries = AuditEntry.objects.filter(via="command line").order_by("pk")
    made = entries.filter(action="create").values_list("object_name", flat=True)
    assert list(made) == ["admin", "scientist", "approver"]
    assert entries.filter(action="issue").count() == 3
    for secret in (newcomers.password, *newcomers.tokens.values()):
        assert secret not in str(list(AuditEntry.objects.values()))


def test_issued_token_is_on_record(person):
    call_command("issue_token", person("viewer").username, stdout=StringIO())

    entry = AuditEntry.objects.get()
    token = ApiToken.objects.get()
    assert (entry.action, entry.object_id) == ("issue", str(token.pk))
    assert (entry.via, entry.actor) == ("command line", None)
