"""Families of refresh tokens: what ends a sign-in, and what does not."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import (
    BlacklistedToken,
    OutstandingToken,
)
from rest_framework_simplejwt.tokens import RefreshToken

from mlops.core.models import AuditEntry, TokenFamily, User
from mlops.core.models.families import GRACE
from tests.core.test_races import at_once
from tests.core.test_sign_in import LOGIN, LOGOUT, ME, ORIGIN, REFRESH, bearer

PASSWORD = "correct horse battery"
FOREIGN = {"HTTP_ORIGIN": "http://evil.example"}
COOKIES = ("access_token", "refresh_token")


@pytest.fixture
def ann(db):
    return User.objects.create_user("ann", "ann@example.org", PASSWORD)


@pytest.fixture
def pair(ann):
    return sign_in().json()


def sign_in(query="", **extra):
    body = {"username": "ann", "password": PASSWORD}
    return APIClient().post(f"{LOGIN}{query}", body, format="json", **extra)


def renew(token):
    return APIClient().post(REFRESH, HTTP_X_REFRESH_TOKEN=token)


def pass_the_grace():
    TokenFamily.objects.update(
        renewed_at=F("renewed_at") - GRACE - timedelta(seconds=1)
    )


# Renewing -----------------------------------------------------------------------------
def test_two_tabs_that_renew_at_once_get_the_same_next_token(pair):
    first, second = renew(pair["refresh_token"]), renew(pair["refresh_token"])

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["refresh_token"] == second.json()["refresh_token"]
    assert first.json()["refresh_token"] != pair["refresh_token"]
    for answer in (first, second):
        access = answer.json()["access_token"]
        assert APIClient().get(ME, **bearer(access)).status_code == 200
    assert renew(second.json()["refresh_token"]).status_code == 200


def test_token_used_again_later_ends_its_family(pair):
    newest = renew(pair["refresh_token"]).json()["refresh_token"]
    pass_the_grace()

    reused = renew(pair["refresh_token"])
    after = renew(newest)

    assert (reused.status_code, after.status_code) == (401, 401)
    entry = AuditEntry.objects.get(action="end_sign_in")
    assert (entry.object_name, entry.actor) == ("ann", None)
    assert TokenFamily.objects.get().ended_at is not None


def test_token_before_the_last_ends_its_family_at_once(pair):
    second = renew(pair["refresh_token"]).json()["refresh_token"]
    third = renew(second).json()["refresh_token"]

    assert renew(pair["refresh_token"]).status_code == 401
    assert renew(third).status_code == 401


def test_end_of_a_family_is_the_end_of_no_other(pair):
    other = sign_in().json()["refresh_token"]
    renew(pair["refresh_token"])
    pass_the_grace()

    renew(pair["refresh_token"])

    assert renew(other).status_code == 200


def test_newest_token_goes_on_however_old_it_is(pair):
    newest = renew(pair["refresh_token"]).json()["refresh_token"]
    pass_the_grace()

    assert renew(newest).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_eight_tabs_at_once_stay_signed_in(pair):
    answers = at_once(lambda _number: renew(pair["refresh_token"]))

    assert Counter(one.status_code for one in answers) == {200: 8}
    assert len({one.json()["refresh_token"] for one in answers}) == 1


def test_token_of_the_release_before_is_renewed_once(ann):
    old = RefreshToken.for_user(ann)

    first, second = renew(str(old)), renew(str(old))

    assert (first.status_code, second.status_code) == (200, 401)
    assert renew(first.json()["refresh_token"]).status_code == 200


def test_token_that_staff_block_renews_nothing(pair):
    BlacklistedToken.objects.create(token=OutstandingToken.objects.get())

    assert renew(pair["refresh_token"]).status_code == 401


def test_text_of_a_refresh_token_is_not_stored(pair):
    renew(pair["refresh_token"])

    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}


def test_families_that_are_over_are_forgotten_at_the_next_sign_in(pair):
    TokenFamily.objects.update(expires_at=F("expires_at") - timedelta(days=8))

    sign_in()

    assert TokenFamily.objects.count() == 1
    assert renew(pair["refresh_token"]).status_code == 401


# Signing out --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "extra",
    [
        {},
        bearer("x"),
        bearer("mlops_1_2"),
        {"HTTP_X_REFRESH_TOKEN": "x"},
        {"HTTP_X_REFRESH_TOKEN": "é"},
        {"HTTP_ACCEPT": "text/html"},
        {"data": "{", "content_type": "application/json"},
        {"data": "x", "content_type": "text/plain"},
        ORIGIN,
    ],
)
def test_sign_out_is_204_whatever_it_is_sent_and_deletes_the_cookies(db, extra):
    answer = APIClient().post(LOGOUT, **extra)

    assert (answer.status_code, answer.content) == (204, b"")
    assert {answer.cookies[name]["max-age"] for name in COOKIES} == {0}
    assert {answer.cookies[name].value for name in COOKIES} == {""}


def test_sign_out_needs_the_refresh_token_alone(pair):
    renewed = renew(pair["refresh_token"]).json()["refresh_token"]

    answers = [APIClient().post(LOGOUT, HTTP_X_REFRESH_TOKEN=renewed) for _ in "ab"]

    assert [one.status_code for one in answers] == [204, 204]
    assert renew(renewed).status_code == 401
    assert AuditEntry.objects.filter(action="sign_out").count() == 1


def test_sign_out_by_cookie_ends_what_the_cookie_holds(pair):
    client = APIClient()
    client.cookies["refresh_token"] = pair["refresh_token"]

    assert client.post(LOGOUT, **ORIGIN).status_code == 204
    assert renew(pair["refresh_token"]).status_code == 401


def test_page_elsewhere_signs_nobody_out(pair):
    client = APIClient()
    client.cookies["refresh_token"] = pair["refresh_token"]

    answer = client.post(LOGOUT, **FOREIGN)

    assert (answer.status_code, dict(answer.cookies)) == (204, {})
    assert renew(pair["refresh_token"]).status_code == 200


def test_sign_out_of_a_token_of_the_release_before_uses_it_up(ann):
    old = str(RefreshToken.for_user(ann))

    APIClient().post(LOGOUT, HTTP_X_REFRESH_TOKEN=old)

    assert renew(old).status_code == 401


# Cookies ------------------------------------------------------------------------------
def test_sign_in_sets_cookies_when_asked(ann):
    answer = sign_in("?cookies=true", **ORIGIN)

    for name in COOKIES:
        assert answer.cookies[name].value == answer.json()[name]
        assert answer.cookies[name]["httponly"]
        assert answer.cookies[name]["samesite"] == "Lax"


@pytest.mark.parametrize("query", ["", "?cookies=false"])
def test_sign_in_sets_no_cookies_by_itself(ann, query):
    answer = sign_in(query, **ORIGIN)

    assert (answer.status_code, dict(answer.cookies)) == (200, {})


@pytest.mark.parametrize(
    ("query", "origin", "status"),
    [
        ("?cookies=true", FOREIGN, 403),
        ("?cookies=true", {}, 403),
        ("?cookies=1", ORIGIN, 400),
        ("?cookies=x", ORIGIN, 400),
    ],
)
def test_cookies_go_to_known_pages_only(ann, query, origin, status):
    answer = sign_in(query, **origin)

    assert (answer.status_code, dict(answer.cookies)) == (status, {})


def test_browser_lives_on_cookies_alone(ann):
    browser = APIClient()
    body = {"username": "ANN@example.org", "password": PASSWORD}

    browser.post(f"{LOGIN}?cookies=true", body, format="json", **ORIGIN)
    renewed = browser.post(REFRESH, **ORIGIN)
    me = browser.get(ME)
    browser.post(LOGOUT, **ORIGIN)
    out = browser.get(ME)

    statuses = [renewed.status_code, me.status_code, out.status_code]
    assert statuses == [200, 200, 401]
