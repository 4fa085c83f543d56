"""Cases for what a token cannot do, so that the fuzzer never gets past its refusal.

A sign-in needs a password that is right, a renewal a token that nobody has used, and
who makes a personal token has signed in by name.
"""

import random
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from mlops.core.models import ApiToken
from tests.contract.exchanges import template_of
from tests.contract.shapes import SHAPES
from tests.contract.test_own_bodies import ODD, drawn

pytestmark = pytest.mark.django_db
CASES = 200
AUTH = "/api/v1/auth"
PASSWORD = "correct horse battery"
FIELDS = {
    "username": ["ann", "nobody", "x" * 255],
    "password": [PASSWORD, "wrong", "x" * 4_097],
    "grant_type": ["password", "magic"],
    "scope": ["", "read"],
    "client_id": ["a"],
}
SCOPES = ["read", "write", "admin", "nothing"]


@pytest.fixture
def chance():
    return random.Random(53)  # noqa: S311 - the same cases each time


@pytest.fixture
def ann(person, settings):
    settings.SIGN_IN_RATE = settings.WRITE_RATE = 0
    user = person("admin", "ann")
    user.set_password(PASSWORD)
    user.save()
    return user


def documented(operation_id):
    """Return what an operation answers, and the schema of its JSON if it takes any."""
    _method, _path, operation = template_of(operation_id)
    content = operation.get("requestBody", {}).get("content", {})
    return operation["responses"], [one["schema"] for one in content.values()]


def test_sign_in_is_by_the_right_password_alone(ann, chance):
    responses, (schema, *_) = documented("authLogin")
    seen = set()
    for _ in range(CASES):
        body = drawn(chance, FIELDS, ("username", "password"))

        answer = APIClient().post(f"{AUTH}/login", body, format="json")

        case = (body, answer.status_code, answer.content)
        assert str(answer.status_code) in responses, case
        names = (body.get("username"), body.get("password"))
        if answer.status_code == 200:
            assert names == ("ann", PASSWORD), case
        if answer.status_code in {200, 401}:
            assert not SHAPES.faults(schema, body), case
        else:
            assert SHAPES.faults(schema, body) or answer.status_code == 400, case
        seen.add(answer.status_code)
    assert {200, 401, 422} <= seen


def test_renewal_is_by_a_token_that_is_whole_and_unused(ann, chance):
    responses, _ = documented("authRefreshToken")
    seen = set()
    form = {"username": "ann", "password": PASSWORD}
    token = APIClient().post(f"{AUTH}/login", form).json()["refresh_token"]
    for _ in range(CASES):
        place = chance.randrange(len(token))
        odd = ["", "x", token[:place], token + "x", token[::-1], "é"]
        sent = token if chance.random() < 0.3 else chance.choice(odd)
        mark = transaction.savepoint()

        answer = APIClient().post(f"{AUTH}/refresh", HTTP_X_REFRESH_TOKEN=sent)

        assert str(answer.status_code) in responses, (sent, answer.content)
        assert (answer.status_code == 200) == (sent == token), (sent, answer.content)
        seen.add(answer.status_code)
        transaction.savepoint_rollback(mark)
    assert {200, 401} <= seen


def test_personal_token_is_made_of_what_fits_and_of_nothing_else(ann, api, chance):
    responses, (schema, *_) = documented("createApiToken")
    now, seen = timezone.now(), set()
    fields = {
        "name": ["mine", " ", "x" * 100, "x" * 101],
        "scopes": [[one] for one in SCOPES] + [[], SCOPES[:2], "read"],
        "expires_at": [
            (now + timedelta(days=1)).isoformat(),
            (now - timedelta(days=1)).isoformat(),
            "tomorrow",
        ],
    }
    for _ in range(CASES):
        body = drawn(chance, fields, ("name",))
        body = chance.choice(ODD[1:]) if chance.random() < 0.05 else body
        before = ApiToken.objects.count()

        answer = api(ann).post(f"{AUTH}/tokens", body, format="json")

        case = (body, answer.status_code, answer.content)
        assert str(answer.status_code) in responses, case
        is_made = answer.status_code == 201
        assert ApiToken.objects.count() == before + is_made, case
        assert not is_made or not SHAPES.faults(schema, body), case
        seen.add(answer.status_code)
    assert {201, 422} <= seen
