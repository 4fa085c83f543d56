import pytest

from mlops.core.context import current

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/api/v1/users/me", "/nothing", "/healthz", "/api/docs/"]
)
def test_every_answer_is_strict_about_what_browsers_may_do(client, path):
    answer = client.get(path)

    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"


def test_api_answers_are_kept_by_nobody(client):
    for path in ("/api/v1/users/me", "/api/v1/nothing"):
        answer = client.get(path)

        assert answer["Cache-Control"] == "private, no-store"
        assert {"Authorization", "Cookie"} <= set(answer["Vary"].split(", "))


def test_docs_need_no_inline_script_and_no_foreign_host(client):
    page = client.get("/api/docs/").content.decode()

    assert "<script>" not in page
    assert "https://" not in page
    assert client.get("/api/docs/?script=").status_code == 200


def test_request_id_is_kept_when_it_is_sane(client):
    sane = client.get("/healthz", HTTP_X_REQUEST_ID="abc-1.2_3")
    odd = client.get("/healthz", HTTP_X_REQUEST_ID="a b\n<script>")

    assert sane["X-Request-ID"] == "abc-1.2_3"
    assert len(odd["X-Request-ID"]) == 32


def test_error_body_names_the_request(client):
    answer = client.get("/nothing", HTTP_X_REQUEST_ID="r-9")

    assert answer.json()["request_id"] == "r-9"
    assert current.get().request_id == ""


def test_foreign_host_is_400(client):
    answer = client.get("/api/v1/users/me", HTTP_HOST="evil.example")

    assert answer.status_code == 400


def test_nul_in_the_path_is_400(client):
    assert client.get("/api/v1/%00").status_code == 400


def test_address_is_the_proxys_word_only_when_there_is_one(
    client, settings, person, api
):
    def recorded():
        api("viewer").post(
            "/api/v1/auth/tokens",
            {"name": str(settings.BEHIND_PROXY)},
            HTTP_X_FORWARDED_FOR="6.6.6.6, 7.7.7.7",
        )
        return (
            person("viewer")
            .api_tokens.model._meta.apps.get_model("core.AuditEntry")
            .objects.first()
            .remote_address
        )

    direct = recorded()
    settings.BEHIND_PROXY = True

    assert (direct, recorded()) == ("127.0.0.1", "7.7.7.7")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:3000", True), ("http://evil.example", False)],
)
def test_only_known_origins_get_credentials(client, origin, allowed):
    answer = client.options(
        "/api/v1/users/me",
        HTTP_ORIGIN=origin,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="authorization,idempotency-key,if-match",
    )

    assert answer.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert answer.get("Access-Control-Allow-Credentials") == (
        "true" if allowed else None
    )
