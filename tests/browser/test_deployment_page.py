"""What a deployer does on a deployment's page, each in three pages and buttons."""

import re
from urllib.parse import urlsplit

import pytest

from tests.browser.driver import missing
from tests.demo.live import LiveStack

pytestmark = pytest.mark.slow
PASSWORD = "a long word of the tests"
TELLING = """
from datetime import timedelta
from django.contrib.auth.models import Group
from django.utils import timezone
from deployments.models import Deployment
from mlops.core.models import User
from tests.deployments.factories import VersionFactory, count
from tests.deployments.targets.models import onnx_bytes
from tests.deployments.targets.waiting import until

user = User.objects.create_user("deployer", password={password!r}, is_staff=True)
user.groups.set(Group.objects.filter(name="deployer"))
first = VersionFactory(content=onnx_bytes(), version="1")
second = VersionFactory(content=onnx_bytes(1), version="2", model=first.model)
for version in (first, second):
    deployment = Deployment.request(version, "development", by=None)
    until(lambda: Deployment.objects.get(pk=deployment.pk).status == "active")
now = timezone.now()
for minute in range(5, 45):
    is_slow = minute < 20
    requests, bucket = (900, "60") if is_slow else (300, "30")
    count(
        deployment,
        now - timedelta(minutes=minute),
        request_count=requests,
        sum_ms=2.0 * requests,
        histogram={{bucket: requests}},
    )
"""

ROWS = 5_000
MANY_ROWS = """
const field = document.getElementById("try-body"), body = JSON.parse(field.value);
const [input] = body.inputs, width = input.shape[1];
input.shape[0] = arguments[0];
input.data = Array.from({length: arguments[0] * width}, (_, place) => place / 7);
field.value = JSON.stringify(body);
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Return a live stack with two versions that have served, and a deployer."""
    if lacking := missing():
        pytest.skip(lacking)
    made = LiveStack(tmp_path_factory.mktemp("stack"), "--no-demo")
    made.start()
    made.manage("shell", "-v0", "-c", TELLING.format(password=PASSWORD))
    yield made
    made.stop()


@pytest.fixture
def window(stack, browser, sign_in):
    """Return a browser on the page of what serves, two pages from home."""

    def begin(language="en"):
        made = browser(language)
        sign_in(made, "deployer", PASSWORD)
        made.click('a[href$="/admin/deployments/deployment/"]')
        made.arrive("/deployment/")
        made.click("#result_list tbody tr th a")
        made.arrive("/work/")
        made.wait(lambda: text_of(made, "#live"), "a sign that it is live")
        return made

    return begin


def text_of(window, css):
    return window.run(f"return document.querySelector({css!r})?.textContent ?? ''")


def is_sound(window, stack):
    """Say that nothing overflows, complains, or is fetched from elsewhere."""
    over = "return document.documentElement.scrollWidth - innerWidth"
    window.wait(lambda: window.run(over) <= 0, "a page that is not cut")
    assert window.complaints() == []
    names = (
        "performance.getEntriesByType('resource').map(one => new URL(one.name).host)"
    )
    ours = {urlsplit(url).netloc for url in (stack.url, stack.serving_url)}
    ours.add(f"localhost:{stack.stream_port}")
    assert set(window.run(f"return {names}")) <= ours


def test_one_sees_why_p95_rose(window, stack):
    page = window()

    page.wait(lambda: "p95" in text_of(page, "#explained"), "an explanation")

    explained = text_of(page, "#explained")
    assert "p95 rose most at" in explained
    assert "The model itself became slower" in explained
    assert "Requests went from 5 to 15 a second." in explained
    assert page.find("#latency svg path.line")
    assert "deploying → active" in text_of(page, "#around")
    is_sound(page, stack)


def test_one_tries_a_request_and_it_is_traffic(window, stack):
    page = window()
    assert '"name": "X"' in page.run("return document.getElementById('try-body').value")

    page.click("#try-send")

    page.wait(lambda: "200 after" in text_of(page, "#try-said"), "an answer")
    assert "by version 2, counted as traffic" in text_of(page, "#try-said")
    assert "probabilities" in text_of(page, "#try-answer")
    stored = page.run("return [document.cookie, JSON.stringify({...localStorage})]")
    assert "mlopsk_" not in "".join(stored)
    is_sound(page, stack)


def test_an_answer_too_long_to_show_is_cut_and_says_so(window, stack):
    page = window()
    page.run(MANY_ROWS, ROWS)

    page.click("#try-send")

    page.wait(lambda: "200 after" in text_of(page, "#try-said"), "an answer")
    shown, _, said = text_of(page, "#try-answer").rpartition("\n… ")
    assert len(shown) == 50_000
    cut = re.fullmatch(r"Shown are the first ([\d,]+) of ([\d,]+) characters\.", said)
    assert cut, said
    assert cut[1] == "50,000"
    assert int(cut[2].replace(",", "")) > 50_000
    is_sound(page, stack)


def test_what_is_no_json_is_said_and_not_sent(window):
    page = window()
    page.fill("#try-body", "{nothing")

    page.click("#try-send")

    page.wait(lambda: text_of(page, "#try-problem"), "the problem")
    assert "The body is not JSON" in text_of(page, "#try-problem")


def test_the_page_speaks_korean(window, stack):
    page = window("ko")

    page.wait(lambda: "상태" in page.text, "Korean")

    is_sound(page, stack)


def test_one_rolls_back_with_a_reason_and_sees_it_happen(window, stack):
    page = window()
    undone = page.path

    page.click("[data-verb=roll_back]")
    page.fill("#ask-reason", "p95 rose")
    page.click("#ask-do")
    page.wait(
        lambda: page.path != undone and page.path.endswith("/work/"), "the new one"
    )

    page.wait(lambda: "active" in text_of(page, "[data-part=status]"), "it serves")
    assert "p95 rose" in text_of(page, "[data-part=status]")
    assert "revision 3" in text_of(page, "h1")
    page.open(f"{stack.url}{undone}")
    page.wait(lambda: "rolled back" in text_of(page, "[data-part=status]"), "its end")
    assert not page.find("[data-verb]")
    is_sound(page, stack)
