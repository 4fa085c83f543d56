"""The React example in a real browser, built from its lock file."""

import functools
import http.server
import threading
import time

import pytest

from tests.browser.driver import Browser, missing
from tests.client.checkout import built_client, npm_missing, run
from tests.demo.live import LiveStack
from tests.ports import free_port

pytestmark = pytest.mark.slow

PASSWORD = "a long word of the tests"
MODEL = "next-day-direction"
EXAMPLE = "examples/react"
SOON_MS = 3000
RENEWALS = (
    "return performance.getEntriesByType('resource')"
    ".filter(one => one.name.endsWith('/auth/refresh')).length"
)
READ_AGAIN_AT = (
    "window.since = null; setTimeout(() => {"
    " window.since = performance.now(); document.querySelector('#again').click();"
    "}, arguments[0] - Date.now())"
)
READ_AGAIN = (
    "return window.since !== null && performance.getEntriesByType('resource').some("
    "  one => one.name.includes('/deployments?') && one.responseStatus == 200"
    "    && one.startTime >= window.since)"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        """Say nothing of each file."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The folders of the client and the example, as they are committed."""
    if lacking := missing() or npm_missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("checkout")
    built_client(folder, EXAMPLE)
    run(folder / EXAMPLE, "npm", "ci", "--no-audit", "--no-fund")
    return folder


@pytest.fixture(scope="module")
def page(checkout, tmp_path_factory):
    """The address of the example, beside a stack that allows its origin."""
    port = free_port()
    address = f"http://localhost:{port}"
    stack = LiveStack(
        tmp_path_factory.mktemp("stack"),
        settings={"MLOPS_CORS_ORIGINS": address, "MLOPS_ADMIN_PASSWORD": PASSWORD},
    )
    stack.start()
    built = {"VITE_API": stack.url, "VITE_PAGE": "2"}
    run(checkout / EXAMPLE, "npm", "run", "build", **built)
    handler = functools.partial(Quiet, directory=str(checkout / EXAMPLE / "dist"))
    with http.server.ThreadingHTTPServer(("localhost", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address
        server.shutdown()
    stack.stop()


@pytest.fixture
def browser(page, tmp_path):
    made = Browser(tmp_path / "profile")
    yield made
    made.picture(tmp_path / "last.png")
    made.close()


def sign_in(browser, page, kind, password=PASSWORD):
    browser.open(f"{page}/?session={kind}")
    browser.fill("input[name=name]", "admin@example.org")
    browser.fill("input[name=password]", password)
    browser.click("#sign-in")


def shown(browser, css):
    return browser.run("return arguments[0].innerText", browser.see(css))


def deploy(browser, version):
    """Deploy to staging, and wait until the stream says that it serves."""
    browser.see("#version option")
    browser.choose("#version", f"{MODEL}:{version}")
    browser.choose("#environment", "staging")
    browser.click("#deploy")
    await_active(browser, version)


def await_active(browser, version):
    title = f"{MODEL} {version} in staging"
    browser.wait(lambda: title in browser.text, title)
    browser.wait(lambda: shown(browser, "#status") == "active", "active")


@pytest.mark.parametrize("kind", ["cookie", "bearer"])
def test_signs_in_deploys_watches_and_rolls_back(browser, page, kind):
    sign_in(browser, page, kind)

    deploy(browser, "1.0.0")
    deploy(browser, "2.0.0")
    browser.fill("#reason", "worse than before")
    browser.click("#roll-back")
    await_active(browser, "1.0.0")

    assert "→ active" in shown(browser, "#events")
    assert not browser.find("[role=alert]")
    assert browser.complaints() == []


def test_list_goes_on_by_itself_to_its_end(browser, page):
    sign_in(browser, page, "cookie")

    browser.wait(lambda: "That is all." in browser.text, "the end")

    total = int(shown(browser, "#shown").split(" of ")[1])
    assert total >= 3
    assert len(browser.find("#deployments li")) == total


def test_dataset_has_a_chart_with_its_values(browser, page):
    sign_in(browser, page, "cookie")

    browser.click("nav button:nth-child(2)")
    browser.see("svg rect")

    bars = len(browser.find("svg rect"))
    assert bars > 3
    assert len(browser.find("tbody tr")) == bars


def test_file_is_uploaded_in_parts_and_charted(browser, page, tmp_path):
    file = tmp_path / "squares.csv"
    file.write_text("n,square\n" + "".join(f"{n},{n * n}\n" for n in range(500)))
    sign_in(browser, page, "cookie")
    browser.click("nav button:nth-child(2)")

    browser.fill("#name", "squares")
    browser.fill("#file", str(file))
    browser.click("#upload")

    browser.wait(lambda: "500 rows" in browser.text, "500 rows")
    browser.see("svg[aria-label='Histogram of n'] rect")


def test_wrong_password_is_answered_by_a_sentence(browser, page):
    sign_in(browser, page, "cookie", "wrong")

    assert "password" in shown(browser, "[role=alert]")


def test_signing_out_holds_in_every_tab(browser, page):
    sign_in(browser, page, "cookie")
    browser.see("#deployments li")
    first = browser.tab()
    browser.new_tab()
    browser.open(page)

    browser.click("#sign-out")
    browser.see("#sign-in")

    browser.go_to(first)
    browser.see("#sign-in")


@pytest.mark.parametrize("kind", ["cookie", "bearer"])
def test_two_tabs_that_renew_at_once_stay_signed_in(browser, page, kind):
    sign_in(browser, page, kind)
    browser.see("#deployments li")
    tabs = [browser.tab(), browser.new_tab()]
    browser.open(f"{page}/?session={kind}")
    browser.see("#deployments li")
    expire(browser, kind)

    moment = time.time() * 1000 + SOON_MS
    for tab in tabs:
        browser.go_to(tab)
        browser.run(READ_AGAIN_AT, moment)

    assert sum(renewals(browser, tab) for tab in tabs) == 1
    for tab in tabs:
        browser.go_to(tab)
        assert browser.find("#deployments li")
        assert not browser.find("#sign-in")


def expire(browser, kind):
    """Do what half an hour does to the access token."""
    if kind == "cookie":
        browser.drop("access_token")
    else:
        browser.run("localStorage.setItem('mlops-session.access', 'expired')")


def renewals(browser, tab):
    """Wait until a tab has read its list again; return how often it renewed."""
    browser.go_to(tab)
    browser.wait(lambda: browser.run(READ_AGAIN), "the list read again")
    return browser.run(RENEWALS)
