import base64
import json
import time

import pytest
from django.test import Client
from rest_framework.test import APIClient

from mlops.core.models import ApiToken, AuditEntry

LOGIN, REFRESH, LOGOUT = (
    f"/api/v1/auth/{name}" for name in ("login", "refresh", "logout")
)
ME = "/api/v1/users/me"
ADMIN = "/admin/login/"
PASSWORD = "correct horse battery"
ORIGIN = {"HTTP_ORIGIN": "http://localhost:3000"}


@pytest.fixture
def ann(person):
    user = person("viewer", "ann")
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def pair(ann):
    return sign_in().json()


def sign_in(password=PASSWORD, **extra):
    form = f"username=ann&password={password.replace(' ', '+')}"
    return APIClient().post(
        LOGIN, form, content_type="application/x-www-form-urlencoded", **extra
    )


def bearer(token):
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def basic(name, password):
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {text}"}


def claims(token):
    payload = token.split(".")[1]
    return base64.b64decode(payload + "=" * (-len(payload) % 4))


def test_form_and_json_sign_in_alike(ann):
    body = {"username": "ann", "password": PASSWORD}

    by_form = sign_in()
    by_json = APIClient().post(LOGIN, body, format="json")

    assert (by_form.status_code, by_json.status_code) == (200, 200)
    assert set(by_form.json()) == set(by_json.json())
    assert by_form.json()["token_type"] == "bearer"
    assert by_form.json()["user_info"]["roles"] == ["viewer"]


def test_letters_of_a_name_may_be_composed_or_not(person):
    user = person("viewer", "Jos\u00e9")
    user.set_password(PASSWORD)
    user.save()

    for name in ("Jos\u00e9", "Jose\u0301", "\uff2aos\u00e9"):
        answer = APIClient().post(LOGIN, {"username": name, "password": PASSWORD})

        assert answer.status_code == 200, name


def test_frontend_form_with_oauth_fields_signs_in(ann):
    form = f"grant_type=password&username=ann&password={PASSWORD}&scope=&client_id="

    answer = APIClient().post(
        LOGIN, form, content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 200


def test_claims_can_be_read_by_atob(pair):
    text = claims(pair["access_token"]).decode("ascii")

    assert json.loads(text)["exp"] > time.time()
    assert not set(text) & set(">?~")


@pytest.mark.parametrize("password", ["wrong", "", "x" * 5000])
def test_wrong_password_is_refused_with_a_sentence(ann, password):
    answer = sign_in(password)

    assert answer.status_code in {401, 422}
    assert isinstance(answer.json()["detail"], str)


def test_unknown_name_and_wrong_password_look_alike(ann):
    unknown = APIClient().post(
        LOGIN, {"username": "bob", "password": "x"}, format="json"
    )

    known = APIClient().post(LOGIN, {"username": "ann", "password": "x"}, format="json")

    assert unknown.status_code == known.status_code == 401
    assert unknown.json()["detail"] == known.json()["detail"]


def test_eleventh_wrong_password_of_a_minute_is_throttled(ann, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    statuses = [sign_in("wrong").status_code for _ in range(11)]

    right = sign_in()
    other_address = sign_in(REMOTE_ADDR="10.0.0.9")

    assert statuses == [401] * 10 + [429]
    assert right.status_code == 429
    assert int(right["Retry-After"]) >= 1
    assert other_address.status_code == 200


def test_admin_sign_in_is_throttled_too(ann, client, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    form = {"username": "ann", "password": "wrong"}

    statuses = [client.post("/admin/login/", form).status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]


def test_many_names_from_one_address_are_throttled(ann, settings, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    settings.SIGN_IN_RATE = 1
    for number in range(10):
        APIClient().post(
            LOGIN, {"username": f"n{number}", "password": "x"}, format="json"
        )

    answer = sign_in()

    assert answer.status_code == 429


def test_bearer_cookie_and_basic_all_sign_in(ann, pair):
    _token, text = ApiToken.issue(ann, "cli")
    with_cookie = APIClient()
    with_cookie.cookies["access_token"] = pair["access_token"]

    answers = [
        APIClient().get(ME, **bearer(pair["access_token"])),
        APIClient().get(ME, **bearer(text)),
        APIClient().get(ME, **basic("ann", text)),
        APIClient().get(ME, **basic("", text)),
        APIClient().get(ME, **basic("ann", PASSWORD)),
        with_cookie.get(ME),
    ]

    assert [answer.status_code for answer in answers] == [200] * 6
    assert {answer.json()["username"] for answer in answers} == {"ann"}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer x",
        "Bearer mlops_1_2",
        "Bearer é",
        "Basic !!!",
        "Basic eDp5",
        "Basic gICA",
        "Basic YQBiOmM=",
        "Digest x",
        "",
    ],
)
def test_bad_credentials_are_401_with_a_hint_how_to_sign_in(db, header):
    answer = APIClient().get(ME, HTTP_AUTHORIZATION=header)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_token_of_another_user_is_refused_as_basic(ann, person):
    _token, text = ApiToken.issue(ann, "cli")

    answer = APIClient().get(ME, **basic("viewer", text))

    assert answer.status_code == 401


def test_writing_with_a_cookie_needs_an_allowed_origin(ann, pair):
    client = APIClient()
    client.cookies["access_token"] = pair["access_token"]
    body = {"name": "cli"}

    refused = [
        client.post("/api/v1/auth/tokens", body, format="json", **origin)
        for origin in (
            {},
            {"HTTP_ORIGIN": "http://evil.example"},
            {"HTTP_ORIGIN": "null"},
        )
    ]
    allowed = client.post("/api/v1/auth/tokens", body, format="json", **ORIGIN)

    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert allowed.status_code == 201


def test_refresh_by_cookie_returns_cookies_out_of_reach_of_scripts(pair):
    client = APIClient()
    client.cookies["refresh_token"] = pair["refresh_token"]

    foreign = client.post(REFRESH, HTTP_ORIGIN="http://evil.example")
    answer = client.post(REFRESH, **ORIGIN)

    assert (foreign.status_code, answer.status_code) == (403, 200)
    for name in ("access_token", "refresh_token"):
        assert answer.cookies[name]["httponly"]
        assert answer.cookies[name]["samesite"] == "Lax"


@pytest.mark.parametrize("nothing", ["", " "])
def test_a_header_that_is_empty_does_not_pass_the_origin_by(pair, nothing):
    client = APIClient()
    client.cookies["refresh_token"] = pair["refresh_token"]
    empty = {"HTTP_X_REFRESH_TOKEN": nothing}

    foreign = client.post(REFRESH, HTTP_ORIGIN="http://evil.example", **empty)
    own = client.post(REFRESH, **ORIGIN, **empty)

    assert (foreign.status_code, own.status_code) == (403, 200)
    assert own.cookies["refresh_token"]["httponly"]


def test_access_token_is_no_refresh_token(pair):
    header = {"HTTP_X_REFRESH_TOKEN": pair["access_token"]}

    answer = APIClient().post(REFRESH, **header)

    assert answer.status_code == 401


def test_sign_out_uses_the_refresh_token_up(pair):
    header = {"HTTP_X_REFRESH_TOKEN": pair["refresh_token"]}

    out = APIClient().post(LOGOUT, **header, **bearer(pair["access_token"]))
    again = APIClient().post(REFRESH, **header)

    assert (out.status_code, out.content) == (204, b"")
    assert again.status_code == 401
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {
        "sign_in",
        "sign_out",
    }


def test_another_password_ends_all_tokens_of_a_person(ann, pair):
    ann.set_password("a quite different one")
    ann.save()

    access = APIClient().get(ME, **bearer(pair["access_token"]))
    refresh = APIClient().post(REFRESH, HTTP_X_REFRESH_TOKEN=pair["refresh_token"])
    by_basic = APIClient().get(ME, **basic("ann", PASSWORD))

    assert {access.status_code, refresh.status_code, by_basic.status_code} == {401}


def test_closed_account_is_out_at_once(ann, pair):
    _token, text = ApiToken.issue(ann, "cli")
    APIClient().get(ME, **basic("ann", PASSWORD))
    ann.is_active = False
    ann.save()

    answers = [
        APIClient().get(ME, **bearer(pair["access_token"])),
        APIClient().get(ME, **bearer(text)),
        APIClient().get(ME, **basic("ann", PASSWORD)),
        APIClient().post(REFRESH, HTTP_X_REFRESH_TOKEN=pair["refresh_token"]),
        sign_in(),
    ]

    assert [answer.status_code for answer in answers] == [401] * 5


def test_answers_with_tokens_are_never_stored(ann):
    answer = sign_in(HTTP_IDEMPOTENCY_KEY="k1")

    again = sign_in(HTTP_IDEMPOTENCY_KEY="k1")

    assert answer["Cache-Control"] == "private, no-store"
    assert {"Authorization", "Cookie"} <= set(
        answer["Vary"].replace(" ", "").split(",")
    )
    assert again.json()["refresh_token"] != answer.json()["refresh_token"]


def entries(**which):
    rows = AuditEntry.objects.filter(**which).order_by("pk")
    return [(row.object_name, row.changes.get("reason")) for row in rows]


@pytest.mark.parametrize("way", ["form", "basic", "admin"])
def test_failed_sign_in_is_on_record_without_what_was_typed(ann, way):
    tries = {
        "form": lambda: sign_in("a wrong secret"),
        "basic": lambda: APIClient().get(ME, **basic("ann", "a wrong secret")),
        "admin": lambda: Client().post(
            ADMIN, {"username": "ann", "password": "a wrong secret"}
        ),
    }

    tries[way]()

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id) == ("sign_in_failed", str(ann.pk))
    assert (entry.actor, entry.changes) == (None, {"reason": "wrong password"})
    assert entry.via == ("admin" if way == "admin" else "rest")
    assert "secret" not in str(AuditEntry.objects.values())


def test_failed_sign_in_of_no_account_keeps_no_name(db):
    APIClient().post(LOGIN, {"username": "hunter2", "password": "x"}, format="json")

    entry = AuditEntry.objects.get()
    assert (entry.object_id, entry.object_name) == ("", "")
    assert entry.changes == {"reason": "no account"}
    assert "hunter2" not in str(AuditEntry.objects.values())


def test_admins_form_leaves_entries_of_both_ends(ann, client):
    ann.is_staff = True
    ann.save()

    client.post(ADMIN, {"username": "ann", "password": PASSWORD})
    client.post("/admin/logout/")

    rows = AuditEntry.objects.order_by("pk")
    assert [(row.action, row.actor, row.via) for row in rows] == [
        ("sign_in", ann, "admin"),
        ("sign_out", ann, "admin"),
    ]


def test_right_password_that_does_not_open_the_admin_is_a_failed_sign_in(ann, client):
    client.post(ADMIN, {"username": "ann", "password": PASSWORD})

    assert entries() == [("ann", "not for the admin")]
    assert entries(action="sign_in") == []


def test_who_is_locked_out_adds_no_more_entries(ann, settings):
    settings.SIGN_IN_RATE = 2

    for _ in range(4):
        sign_in("wrong")

    assert entries() == [("ann", "wrong password")] * 2
