"""MLflow's own pages at `/mlflow/`: their files, and who is signed in there."""

import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from lifecycle.mlflow import identity
from lifecycle.mlflow.pages import build, views
from lifecycle.models import Run
from mlops.core import sessions
from mlops.core.authentication import ACCESS_COOKIE, REFRESH_COOKIE
from mlops.core.models import AuditEntry, TokenFamily

pytestmark = pytest.mark.django_db
PASSWORD = "long and secret 1"
AJAX = "/mlflow/ajax-api/2.0/mlflow/"
HERE = {"Sec-Fetch-Site": "same-origin"}
SCRIPT = "static/js/main.c2f5f8d4.js"


@pytest.fixture
def ui(tmp_path, settings):
    """Return a folder with a build of pages, which the settings name."""
    (tmp_path / "static" / "js").mkdir(parents=True)
    (tmp_path / "index.html").write_text(
        "<html><head></head><body>MLflow</body></html>"
    )
    (tmp_path / SCRIPT).write_text("run()")
    (tmp_path / "manifest.json").write_text("{}")
    settings.MLFLOW_UI = str(tmp_path)
    return tmp_path


@pytest.fixture
def someone(person):
    """Return a function that gives a role's account a password, and no staff status."""

    def account(role="data scientist"):
        user = person(role)
        user.set_password(PASSWORD)
        user.is_staff = False
        user.save()
        return user

    return account


@pytest.fixture
def at_page(someone):
    """Return a function that signs a role in with the page: a browser."""

    def browser(role="data scientist"):
        client = Client()
        form = {"username": someone(role).username, "password": PASSWORD}
        answer = client.post("/sign-in/?next=/mlflow/", {**form, "next": "/mlflow/"})
        assert (answer.status_code, answer["Location"]) == (302, "/mlflow/")
        return client

    return browser


@pytest.fixture
def with_tokens(someone):
    """Return a browser that has the API's cookies."""
    pair = sessions.sign_in(someone().username, PASSWORD)
    client = Client()
    client.cookies[ACCESS_COOKIE] = pair.access
    client.cookies[REFRESH_COOKIE] = pair.refresh
    return client


def ask(browser, route, body=None, *, headers=HERE, **options):
    return browser.post(
        AJAX + route,
        {} if body is None else body,
        content_type=options.pop("content_type", "application/json"),
        headers=headers,
        **options,
    )


# The files ---------------------------------------------------------------------------
def test_the_page_begins_with_our_script(ui, at_page):
    answer = at_page().get("/mlflow/")

    assert answer.content == (
        b'<html><head><script src="start.js"></script></head><body>MLflow</body></html>'
    )
    assert answer["Cache-Control"] == "private, no-store"


def test_our_script_starts_with_model_training(ui, client):
    answer = client.get("/mlflow/start.js")

    assert answer["Content-Type"] == "text/javascript"
    assert b'"mlflow.workflowType_v1": "machine_learning"' in answer.content


@pytest.mark.parametrize("path", ["", "start.js", f"static-files/{SCRIPT}"])
def test_the_policy_of_the_pages_allows_no_evaluated_script(ui, at_page, path):
    answer = at_page().get(f"/mlflow/{path}")

    policy = answer["Content-Security-Policy"]
    assert policy == views.POLICY
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (SCRIPT, "public, max-age=31536000, immutable"),
        ("manifest.json", "no-cache"),
    ],
)
def test_a_browser_keeps_what_its_name_has_the_hash_of(ui, client, name, kept):
    answer = client.get(f"/mlflow/static-files/{name}")
    etag = {"If-None-Match": answer["ETag"]}
    again = client.get(f"/mlflow/static-files/{name}", headers=etag)

    assert (answer["Cache-Control"], again["Cache-Control"]) == (kept, kept)
    assert (answer.status_code, again.status_code, again.content) == (200, 304, b"")


def test_a_changed_file_has_another_digest(ui, client):
    before = client.get("/mlflow/static-files/manifest.json")["ETag"]
    (ui / "manifest.json").write_text('{"name": "new"}')

    assert client.get("/mlflow/static-files/manifest.json")["ETag"] != before


@pytest.mark.parametrize(
    "name", ["../secret", "..%2fsecret", "%2e%2e/secret", "/etc/passwd", "static", "no"]
)
def test_nothing_outside_the_build_is_a_page(ui, client, name):
    (ui.parent / "secret").write_text("x")

    assert client.get(f"/mlflow/static-files/{name}").status_code == 404


def test_a_link_out_of_the_build_leads_nowhere(ui, client):
    (ui.parent / "secret").write_text("x")
    (ui / "link").symlink_to(ui.parent / "secret")

    assert client.get("/mlflow/static-files/link").status_code == 404


def test_pages_are_found_in_an_installed_mlflow_without_importing_it(
    tmp_path, settings, monkeypatch
):
    settings.MLFLOW_UI = ""
    package = tmp_path / "mlflow"
    (package / "server" / "js" / "build").mkdir(parents=True)
    (package / "server" / "js" / "build" / "index.html").write_text("")
    (package / "__init__.py").write_text("raise ImportError('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    assert build.folder() == package / "server" / "js" / "build"
    assert "mlflow" not in sys.modules


@pytest.mark.parametrize("path", ["/mlflow/", "/mlflow/static-files/a.js"])
def test_without_a_build_one_sentence_says_how_to_get_it(
    client, settings, tmp_path, path
):
    settings.MLFLOW_UI = str(tmp_path / "nothing")

    answer = client.get(path)
    page = client.get(path, headers={"Accept": "text/html", "Accept-Language": "ko"})

    assert answer.status_code == 404
    assert answer.json()["detail"] == build.HOW_TO_GET_IT
    assert "MLOPS_MLFLOW_UI 에" in page.content.decode()


def test_home_and_start_lead_there_where_there_is_a_build(ui, admin_client, settings):
    start = admin_client.get("/", headers={"Accept": "text/html"})
    home = admin_client.get("/admin/")
    settings.MLFLOW_UI = str(ui / "nothing")
    without = admin_client.get("/", headers={"Accept": "text/html"})

    assert b'href="/mlflow/"' in start.content
    assert b'href="/mlflow/"' in home.content
    assert b'href="/mlflow/"' not in without.content


# Who is there ------------------------------------------------------------------------
def test_who_is_not_signed_in_signs_in_and_comes_back(ui, client):
    answer = client.get("/mlflow/")
    page = client.get(answer["Location"])

    assert answer["Location"] == "/sign-in/?next=%2Fmlflow%2F"
    assert b'name="next" value="/mlflow/"' in page.content
    assert b"action" not in page.content.partition(b'class="card"')[0][-60:]


def test_signing_in_needs_no_staff_status_and_opens_no_admin(ui, at_page):
    browser = at_page("viewer")

    assert browser.get("/mlflow/").status_code == 200
    assert browser.get("/admin/").status_code == 302
    entry = AuditEntry.objects.filter(action="sign_in").latest("pk")
    assert (entry.actor.username, entry.via) == ("viewer", "admin")


def test_a_wrong_password_signs_nobody_in(ui, client, someone):
    form = {"username": someone().username, "password": "wrong"}

    answer = client.post("/sign-in/", form)

    assert answer.status_code == 200
    assert b'role="alert"' in answer.content
    assert client.get("/mlflow/").status_code == 302


@pytest.mark.parametrize("place", ["https://elsewhere.example/", "//elsewhere.example"])
def test_signing_in_leads_to_no_other_site(client, someone, place):
    form = {"username": someone().username, "password": PASSWORD, "next": place}

    assert client.post("/sign-in/", form)["Location"] == "/mlflow/"


def test_signing_out_ends_all_that_the_browser_has(ui, at_page, with_tokens):
    browser = at_page()
    browser.cookies.update(with_tokens.cookies)

    answer = browser.post("/sign-out/")

    assert answer["Location"] == "/sign-in/"
    assert browser.get("/mlflow/").status_code == 302
    assert TokenFamily.objects.get().ended_at is not None


@pytest.mark.parametrize("address", [AJAX, "/ajax-api/2.0/mlflow/"])
def test_a_session_is_signed_in_where_pages_ask(ui, at_page, address):
    browser = at_page()

    answer = browser.get(f"{address}users/current")

    assert answer.json() == {
        "user": {
            "id": answer.json()["user"]["id"],
            "username": "data-scientist",
            "is_admin": False,
        },
        "is_basic_auth": False,
    }


@pytest.mark.parametrize(
    "path",
    [
        "/mlflow/get-artifact?run_id=r&path=a",
        "/mlflow/model-versions/get-artifact?name=m&version=1&path=a",
        "/mlflow/ajax-api/2.0/mlflow/logged-models/m-1",
        "/mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a",
        "/mlflow/ajax-api/3.0/mlflow/no-such-thing",
    ],
)
def test_what_is_not_there_is_a_404_for_who_is_signed_in(at_page, client, path):
    assert client.get(path).status_code == 401
    assert at_page().get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/2.0/mlflow/users/current", "/mlflow/api/2.0/mlflow/users/current"]
)
def test_cookies_open_nothing_for_programs(at_page, path):
    assert at_page().get(path).status_code == 401


def test_no_browser_is_asked_for_a_password(client):
    pages = client.get(f"{AJAX}users/current")
    programs = client.get("/api/2.0/mlflow/users/current")

    assert pages["WWW-Authenticate"] == 'Bearer realm="mlflow"'
    assert "Basic" in programs["WWW-Authenticate"]
    assert "Load the page again" in pages.json()["message"]


def test_a_closed_account_is_signed_in_no_more(at_page, someone):
    browser = at_page()
    someone_there = identity.User.objects.get(username="data-scientist")
    someone_there.is_active = False
    someone_there.save()

    assert browser.get(f"{AJAX}users/current").status_code == 401


# Writing -----------------------------------------------------------------------------
def test_a_scientist_writes_and_a_viewer_reads_our_refusal(at_page):
    written = ask(at_page(), "runs/create", {"experiment_id": "0"})
    refused = ask(at_page("viewer"), "runs/create", {"experiment_id": "0"})

    assert written.status_code == 200
    assert Run.objects.get().created_by.username == "data-scientist"
    assert refused.status_code == 403
    assert refused.json() == {
        "error_code": "PERMISSION_DENIED",
        "message": "This needs the permission lifecycle.add_run.",
    }


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "http://testserver.example"}, False),
        ({"Origin": "http://localhost:3000"}, False),
        ({"Origin": "null"}, False),
        ({"Referer": "http://testserver/"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize(
    "path", [f"{AJAX}runs/search", "/mlflow/graphql", "/graphql", f"{AJAX}runs/create"]
)
def test_only_a_page_of_this_server_writes_with_a_cookie(at_page, path, headers, may):
    answer = at_page().post(path, {}, content_type="application/json", headers=headers)

    assert (answer.status_code != 403) == may
    if not may:
        assert "only the pages of this server" in answer.json()["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_form_writes_nothing(at_page, kind):
    answer = ask(at_page(), "runs/create", '{"experiment_id": "0"}', content_type=kind)

    assert answer.status_code == 400
    assert not Run.objects.exists()


def test_a_file_comes_in_by_its_page_alone(at_page):
    browser = at_page()
    run = ask(browser, "runs/create", {"experiment_id": "0"}).json()["run"]["info"]
    place = f"upload-artifact?run_uuid={run['run_id']}&path=a.txt"

    refused = ask(browser, place, b"1", content_type="text/plain", headers={})
    kept = ask(browser, place, b"1", content_type="text/plain")

    assert (refused.status_code, kept.status_code) == (403, 200)


# Renewal -----------------------------------------------------------------------------
def test_tokens_that_end_are_renewed_without_the_page_knowing(with_tokens, monkeypatch):
    first = with_tokens.cookies[REFRESH_COOKIE].value
    with_tokens.cookies[ACCESS_COOKIE] = "ended"

    answer = with_tokens.get(f"{AJAX}users/current")

    assert answer.status_code == 200
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        assert answer.cookies[name]["httponly"]
        assert answer.cookies[name]["samesite"] == "Lax"
    assert with_tokens.cookies[REFRESH_COOKIE].value != first
    assert with_tokens.get(f"{AJAX}users/current").cookies == {}


def test_two_requests_at_once_renew_to_the_same(with_tokens):
    with_tokens.cookies[ACCESS_COOKIE] = "ended"
    other = Client()
    other.cookies.load(with_tokens.cookies.output(header="", sep=";"))
    first = with_tokens.get(f"{AJAX}users/current")
    second = other.get(f"{AJAX}users/current")

    assert first.cookies[REFRESH_COOKIE].value == second.cookies[REFRESH_COOKIE].value
    assert TokenFamily.objects.get().ended_at is None


def test_a_refusal_hands_the_renewed_tokens_back_too(with_tokens):
    with_tokens.cookies[ACCESS_COOKIE] = "ended"

    answer = with_tokens.get(f"{AJAX}runs/get?run_id=no")

    assert answer.status_code == 404
    assert REFRESH_COOKIE in answer.cookies


def test_the_page_itself_renews_too(ui, with_tokens):
    with_tokens.cookies[ACCESS_COOKIE] = "ended"

    answer = with_tokens.get("/mlflow/")

    assert answer.status_code == 200
    assert REFRESH_COOKIE in answer.cookies


def test_a_sign_in_that_is_over_leads_to_the_sign_in_page(ui, with_tokens):
    TokenFamily.objects.update(ended_at=timezone.now() - timedelta(seconds=1))
    with_tokens.cookies[ACCESS_COOKIE] = "ended"

    assert with_tokens.get(f"{AJAX}users/current").status_code == 401
    assert with_tokens.get("/mlflow/").status_code == 302


def test_a_session_that_is_not_there_signs_nobody_in(client):
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32

    assert client.get(f"{AJAX}users/current").status_code == 401


# The other routes of the pages -------------------------------------------------------
@pytest.mark.parametrize(
    ("route", "answer"),
    [
        ("2.0/mlflow/gateway-proxy?gateway_path=api/2.0/endpoints/", {"endpoints": []}),
        (
            "3.0/mlflow/ui-telemetry",
            {
                "disable_ui_telemetry": True,
                "disable_ui_events": [],
                "ui_rollout_percentage": 0,
            },
        ),
        ("3.0/mlflow/assistant/providers", {"providers": []}),
        (
            "3.0/mlflow/assistant/config",
            {"providers": {}, "projects": {}, "remote_access_allowed": False},
        ),
    ],
)
def test_what_is_off_is_answered_as_mlflow_does(at_page, route, answer):
    assert at_page().get(f"/mlflow/ajax-api/{route}").json() == answer


def test_the_server_says_what_it_cannot(at_page):
    said = at_page().get("/mlflow/ajax-api/3.0/mlflow/server-info").json()

    off = {"gateway": False, "scheduled_issue_detection": False}
    assert said["features_enabled"] == off
    assert said["multipart_uploads_enabled"] is False
    assert said["multipart_downloads_enabled"] is False


def test_what_pages_report_is_not_kept(at_page):
    answer = at_page().post(
        "/mlflow/ajax-api/3.0/mlflow/ui-telemetry",
        {"records": [{"event_name": "x"}]},
        content_type="application/json",
        headers=HERE,
    )

    assert answer.json() == {"status": "disabled"}
