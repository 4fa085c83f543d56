from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from mlops.core.models import ApiToken, AuditEntry

TOKENS = "/api/v1/auth/tokens"


def with_token(text):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def test_token_is_shown_once_and_stored_as_a_digest(api):
    issued = api("viewer").post(TOKENS, {"name": "cli", "scopes": ["read"]}).json()

    listed = api("viewer").get(TOKENS).json()

    assert issued["token"].startswith("mlops_")
    assert [one["name"] for one in listed] == ["cli"]
    assert "token" not in listed[0]
    assert issued["token"] not in str(list(ApiToken.objects.values()))


def test_token_never_reaches_the_audit_trail(api):
    issued = api("viewer").post(TOKENS, {"name": "cli"}).json()

    trail = str(list(AuditEntry.objects.values()))

    assert issued["token"] not in trail
    assert issued["token"].split("_", 2)[2] not in trail


def test_second_token_of_a_name_is_a_conflict(api):
    api("viewer").post(TOKENS, {"name": "cli"})

    answer = api("viewer").post(TOKENS, {"name": "cli"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "already_exists"


def test_name_of_a_revoked_token_is_free_again(api, person):
    token, _ = ApiToken.issue(person("viewer"), "cli")

    gone = api("viewer").delete(f"{TOKENS}/{token.pk}")

    assert gone.status_code == 204
    assert api("viewer").post(TOKENS, {"name": "cli"}).status_code == 201


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([], (200, 403)),
        (["read"], (200, 403)),
        (["write"], (403, 403)),
        (["predict"], (403, 403)),
    ],
)
def test_scope_limits_what_a_token_may_do(person, scopes, expected):
    _, text = ApiToken.issue(person("admin"), "cli", scopes=scopes)
    client = with_token(text)

    statuses = (
        client.get(TOKENS).status_code,
        client.post(TOKENS, {"name": "x"}).status_code,
    )

    assert statuses == expected


def test_refusal_names_the_scope_that_is_missing(person):
    _, text = ApiToken.issue(person("admin"), "cli", scopes=["read"])

    answer = with_token(text).post(TOKENS, {"name": "x"})

    assert answer.json()["code"] == "token_scope"
    assert answer.json()["detail"] == "This API token is not made for 'write'."


def test_token_makes_no_tokens(person):
    _, text = ApiToken.issue(person("admin"), "cli")

    answer = with_token(text).post(TOKENS, {"name": "child"})

    assert answer.status_code == 403
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("end", ["revoke", "expire"])
def test_ended_token_opens_nothing(person, end):
    token, text = ApiToken.issue(person("viewer"), "cli")
    if end == "revoke":
        token.revoke()
    else:
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answer = with_token(text).get(TOKENS)

    assert answer.status_code == 401


def test_token_of_another_is_not_there(api, person):
    token, _ = ApiToken.issue(person("viewer"), "cli")

    answer = api("admin").delete(f"{TOKENS}/{token.pk}")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is nothing here."


def test_use_is_noted_and_costs_no_write_each_time(person, django_assert_num_queries):
    _, text = ApiToken.issue(person("viewer"), "cli")
    with_token(text).get(TOKENS)

    with django_assert_num_queries(2):
        with_token(text).get(TOKENS)

    assert ApiToken.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "user": 1},
        {"name": "x", "expires_at": "soon"},
        {"name": "x", "expires_at": "2020-01-01T00:00:00Z"},
        [],
        "x",
        None,
    ],
)
def test_bad_token_body_is_422_and_makes_nothing(api, body):
    answer = api("viewer").post(TOKENS, body, format="json")

    assert answer.status_code == 422
    assert ApiToken.objects.count() == 0
