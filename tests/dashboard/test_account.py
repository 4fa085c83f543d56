"""My account: tokens, sign-ins, language, roles; and people's roles for admins."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from mlops.core.errors import TokenRefused
from mlops.core.models import ApiToken, AuditEntry, User
from mlops.core.sessions import renew, sign_in

pytestmark = pytest.mark.django_db

PASSWORD = "a long word of the tests"


@pytest.fixture
def me(client):
    user = User.objects.create_user("me", password=PASSWORD, is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def page():
    return reverse("account")


def token_in(answer):
    return answer.context["text"]


def test_token_is_made_on_one_page_and_shown_this_once(client, me, page):
    answer = client.post(page, {"do": "make", "name": "laptop", "days": "30"})

    token = me.api_tokens.get()
    assert ApiToken.objects.find(token_in(answer)) == token
    assert token_in(answer) in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert token.expires_at - timezone.now() > timedelta(days=29)
    assert token_in(answer) not in client.get(page).content.decode()
    assert AuditEntry.objects.get(action="issue").actor == me


def test_token_that_was_made_here_opens_the_api(client, me, page):
    text = token_in(client.post(page, {"do": "make", "name": "x", "scopes": ["read"]}))
    client.logout()

    bearer = {"Authorization": f"Bearer {text}"}
    assert client.get("/api/v1/users/me", headers=bearer).json()["username"] == "me"
    assert ApiToken.objects.get().scopes == ["read"]


@pytest.mark.parametrize("form", [{"name": ""}, {"name": "x", "scopes": ["all"]}])
def test_token_without_a_name_or_with_another_scope_is_not_made(client, me, page, form):
    answer = client.post(page, {"do": "make", **form})

    assert answer.status_code == 200
    assert not ApiToken.objects.exists()


def test_second_token_of_a_name_is_refused_beside_the_name(client, me, page):
    ApiToken.issue(me, "laptop")

    answer = client.post(page, {"do": "make", "name": "laptop"})

    assert "You have a token named" in answer.content.decode()
    assert ApiToken.objects.count() == 1


def test_own_token_is_revoked_and_another_persons_is_not_found(client, me, page):
    own, _ = ApiToken.issue(me, "laptop")
    other, _ = ApiToken.issue(User.objects.create_user("other"), "laptop")

    client.post(page, {"do": "revoke", "token": own.pk})
    answer = client.post(page, {"do": "revoke", "token": other.pk})

    own.refresh_from_db()
    other.refresh_from_db()
    assert own.revoked_at is not None
    assert (answer.status_code, other.revoked_at) == (404, None)
    assert AuditEntry.objects.get(action="revoke").actor == me


def test_sign_in_of_a_program_is_seen_and_ended(client, me, page):
    pair = sign_in("me", PASSWORD)
    family = me.token_families.get()

    assert str(family.pk) in client.get(page).content.decode()
    client.post(page, {"do": "end", "sign_in": family.pk})

    with pytest.raises(TokenRefused):
        renew(pair.refresh)
    assert str(family.pk) not in client.get(page).content.decode()


def test_sign_in_of_another_person_cannot_be_ended(client, me, page):
    other = User.objects.create_user("other", password=PASSWORD)
    sign_in("other", PASSWORD)
    family = other.token_families.get()

    answer = client.post(page, {"do": "end", "sign_in": family.pk})

    family.refresh_from_db()
    assert (answer.status_code, family.ended_at) == (404, None)


@pytest.mark.parametrize("fields", [{}, {"do": "rule"}, {"do": "revoke", "token": "x"}])
def test_button_that_is_not_there_is_not_found(client, me, page, fields):
    assert client.post(page, fields).status_code == 404


def test_account_is_for_staff_who_are_signed_in(client, page):
    assert client.get(page).status_code == 302


def test_adding_a_token_in_the_list_of_tokens_leads_to_the_account(client, me, page):
    answer = client.get(reverse("admin:core_apitoken_add"))

    assert (answer.status_code, answer.url) == (302, page)


def test_account_shows_ones_roles(client, me, page):
    me.groups.add(Group.objects.get(name="deployer"))

    assert "deployer" in client.get(page).content.decode()


def test_roles_are_boxes_to_tick_on_the_page_of_a_person(client, person):
    admin, viewer = person("admin"), person("viewer")
    User.objects.filter(pk=admin.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=admin.pk))
    url = reverse("admin:core_user_change", args=[viewer.pk])
    roles = Group.objects.filter(name__in=("approver", "deployer"))

    shown = client.get(url).content.decode()
    client.post(
        url,
        {
            "username": "viewer",
            "is_active": "on",
            "groups": [role.pk for role in roles],
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
        },
    )

    assert shown.count('type="checkbox" name="groups"') == Group.objects.count()
    assert set(viewer.groups.all()) == set(roles)
