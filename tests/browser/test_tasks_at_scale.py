"""What people do, each from home in three steps, in a store of a company's size.

A person has the one role that the task needs; what they work on is drawn anew.
"""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest

from tests.browser import axe
from tests.browser.driver import WAIT_S
from tests.browser.large import COLUMNS, rows_of
from tests.browser.person import KEY_DOWN, KEY_ESCAPE
from tests.browser.pictures import taken

pytestmark = pytest.mark.slow
LANGUAGES = pytest.mark.parametrize("language", ["en", "ko"])
VERSION, MODEL = "/lifecycle/modelversion/", "/lifecycle/registeredmodel/"
DATASET = "/datasets/dataset/"
SERVING = "[data-part=serving]"
STATUS = "[data-part=status] .badge"
MARKED = "return [...document.querySelector('tr.marked').cells].map(c => c.textContent)"
KEY_SHAPE = re.compile(r"mlops_\S{30,}")


class Deck:
    """Things of the store, of which each is drawn once."""

    def __init__(self, draw, names):
        self._names = list(names)
        draw.shuffle(self._names)

    def take(self):
        return self._names.pop()


@pytest.fixture(scope="module")
def waiting(draw, facts):
    return Deck(draw, facts["waiting"])


@pytest.fixture(scope="module")
def approved(draw, facts):
    return Deck(draw, facts["approved"])


@pytest.fixture(scope="module")
def undone(draw, facts):
    return Deck(draw, facts["undone"].items())


@pytest.fixture
def slowed(draw, facts):
    return draw.choice(sorted(facts["slowed"].items()))


# Serving -----------------------------------------------------------------------------
@LANGUAGES
def test_viewer_sees_why_p95_rose(person, slowed, language):
    name, told = slowed
    vera = person("vera", language)

    vera.follow(f"{name} 3.0")
    vera.browser.arrive("/work/")
    explained = "#explained"
    vera.browser.wait(lambda: "p95" in vera.text_of(explained), "an explanation")

    at, before, after = _rise(vera.text_of(explained))
    assert abs((at - datetime.fromisoformat(told["at"])).total_seconds()) <= 180
    assert before < 3 * told["before"]
    assert after > told["after"]
    assert vera.browser.find("#latency svg path.line")
    vera.is_done()


def _rise(said):
    """Return when p95 rose, from and to how many ms, as a sentence says it."""
    at = re.search(r"([\d-]{10} [\d:]{8}) UTC", said)
    others = said.replace(at[0], "").replace("p95", "")
    before, after, *_ = re.findall(r"\d+(?:\.\d+)?", others)
    moment = datetime.fromisoformat(at[1]).replace(tzinfo=UTC)
    return moment, float(before), float(after)


@LANGUAGES
def test_deployer_tries_a_request_that_a_model_answers(person, slowed, language):
    dan = person("dan", language)

    dan.follow(f"{slowed[0]} 3.0")
    dan.browser.arrive("/work/")
    dan.click("#try-send")
    dan.browser.wait(lambda: "200" in dan.text_of("#try-said"), "an answer")

    answer = json.loads(dan.text_of("#try-answer"))
    assert "3.0" in dan.text_of("#try-said")
    assert "probabilities" in json.dumps(answer)
    dan.is_done()


def test_picture_of_a_deployment_that_got_slow(person, slowed):
    dan = person("dan")

    dan.follow(f"{slowed[0]} 3.0")
    dan.browser.arrive("/work/")
    dan.browser.wait(lambda: dan.browser.find("#latency svg path.line"), "a line")
    dan.browser.wait(lambda: "p95" in dan.text_of("#explained"), "an explanation")

    assert dan.browser.find("[data-part=status] .badge.good")
    taken(dan.browser, "deployment")


@LANGUAGES
def test_deployer_rolls_back_with_a_reason(person, undone, language):
    name, revision = undone.take()
    dan = person("dan", language)

    dan.follow(f"{name} 4.0")
    before = dan.browser.arrive("/work/")
    dan.click("[data-verb=roll_back]")
    dan.browser.fill("#ask-reason", "the score fell")
    dan.browser.click("#ask-do")

    dan.browser.wait(lambda: dan.browser.path != before, "the new deployment")
    dan.browser.wait(lambda: dan.browser.find(f"{STATUS}.good"), "it serves")
    assert f"{name} 3.0" in dan.text_of("h1")
    assert str(revision + 1) in dan.text_of("h1")
    assert "the score fell" in dan.text_of("[data-part=status]")
    dan.is_done()


@LANGUAGES
def test_deployer_deploys_an_approved_version(person, approved, language):
    version = approved.take()
    dan = person("dan", language)

    dan.find(version, VERSION)
    dan.browser.choose_value("select[name=environment]", "staging")
    dan.click("button[value=deploy]")
    dan.browser.wait(lambda: "/deployments/" in dan.browser.path, "the deployment")

    dan.browser.wait(lambda: dan.browser.find(f"{STATUS}.good"), "it serves")
    assert version in dan.text_of("h1")
    dan.is_done()


def test_home_shows_by_itself_what_began_to_serve(person, approved):
    version = approved.take()
    vera, dan = person("vera"), person("dan")
    assert version not in vera.text_of(SERVING)

    dan.find(version, VERSION)
    dan.browser.choose_value("select[name=environment]", "staging")
    dan.click("button[value=deploy]")

    vera.browser.wait(lambda: version in vera.text_of(SERVING), "a home that moves")
    vera.is_done()


# Registry ----------------------------------------------------------------------------
def _ticked(page):
    for number in range(1, len(page.find("select[name^=status-]")) + 1):
        row = f"tr:nth-child({number}) select[name^=status-]"
        page.choose_value(row, "passed")
    page.fill("#reason", "read and measured")


@LANGUAGES
def test_approver_ticks_the_list_and_approves(person, waiting, language):
    version = waiting.take()
    ana = person("ana", language)

    ana.find(version, VERSION)
    _ticked(ana.browser)
    ana.click("button[value=approve]")

    assert version in ana.browser.run(
        "return arguments[0].textContent", ana.browser.see(".notice.success")
    )
    assert "read and measured" in ana.text_of("#version dl")
    assert "ana" in ana.text_of("#version dl")
    ana.is_done()


@LANGUAGES
def test_viewer_finds_who_changed_a_stage(person, draw, facts, language):
    name, told = draw.choice(sorted(facts["moves"].items()))
    vera = person("vera", language)

    vera.find(name, MODEL)

    assert _moved(vera, told)
    vera.is_done()


def test_who_changed_a_stage_is_found_by_keyboard_alone(person, draw, facts):
    name, told = draw.choice(sorted(facts["moves"].items()))
    vera = person("vera")

    vera.find_by_keys(name, MODEL)

    assert _moved(vera, told)
    vera.is_done()


def _moved(person, told):
    """Return the line of the history that has both who moved it and why."""
    lines = person.all_texts("ol.line li")
    return [line for line in lines if told["reason"] in line and told["who"] in line]


# Data --------------------------------------------------------------------------------
@pytest.fixture
def dataset(draw):
    return draw.choice(("orders", "meters", "visits-by-hour"))


def _loaded(page):
    return bool(page.find("#table[aria-busy=false] tbody tr"))


@LANGUAGES
def test_viewer_looks_at_row_5000_sorted_by_a_column(person, draw, dataset, language):
    place = draw.randrange(1, len(COLUMNS))
    wanted = sorted(rows_of(dataset), key=lambda row: (row[place], row[0]))[4_999]
    vera = person("vera", language)

    vera.find(dataset, DATASET)
    vera.click(f"button.sort[data-sort={COLUMNS[place]}]")
    vera.browser.see("th[aria-sort=ascending]")
    vera.browser.fill("#goto [name=row]", "5000")
    vera.click("#goto button")
    vera.browser.see("tr.marked")

    shown = vera.browser.run(MARKED)
    assert shown[0] == "5,000"
    assert [int(shown[1]), int(shown[2]), float(shown[3]), shown[4]] == list(wanted)
    vera.is_done()


@LANGUAGES
def test_viewer_filters_and_exports(person, draw, dataset, language):
    least = draw.randrange(8_000, 12_000)
    kept = [row for row in rows_of(dataset) if row[2] >= least]
    vera = person("vera", language)

    vera.find(dataset, DATASET)
    vera.browser.choose_value(".condition select", "price")
    vera.browser.choose_value(".condition select:nth-of-type(2)", "ge")
    vera.browser.fill(".condition input", str(least))
    vera.click("#apply")
    vera.sees(f"{len(kept):,}")
    for file in vera.browser.downloads.glob("*"):
        file.unlink()
    vera.click("#export [data-format=csv]")
    vera.browser.wait(lambda: _file(vera.browser), "the file")

    lines = _file(vera.browser).read_text().split()
    assert [int(line.split(",")[0]) for line in lines[1:]] == [row[0] for row in kept]
    vera.is_done()


def _file(browser):
    """Return the file that has come, None while it comes."""
    files = [one for one in browser.downloads.glob("*") if one.suffix == ".csv"]
    return files[0] if files else None


# The own account ---------------------------------------------------------------------
@LANGUAGES
def test_viewer_makes_a_token_that_signs_in(person, large_stack, language):
    vera = person("vera", language)

    vera.click("aside a[href$='/account/']")
    vera.browser.fill("#id_name", f"notebook-{language}")
    vera.click("button[value=make]")
    vera.browser.see("#token-text")

    assert _signs_in(large_stack, vera.text_of("#token-text"))
    vera.is_done()


def test_token_is_made_by_keyboard_alone(person, large_stack):
    vera = person("vera")

    vera.tab_to("here.pathname == '/admin/account/'")
    vera.key_enter()
    vera.browser.arrive("/account/")
    vera.tab_to("here.id == 'id_name'")
    vera.browser.press("by keys")
    vera.key_enter()
    vera.browser.see("#token-text")

    assert _signs_in(large_stack, vera.text_of("#token-text"))
    vera.is_done()


def _signs_in(stack, token):
    assert KEY_SHAPE.fullmatch(token)
    answer = httpx.get(
        f"{stack.url}/api/v1/ml/lifecycle/runs?limit=1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=WAIT_S,
    )
    return answer.status_code == 200


# For everybody -----------------------------------------------------------------------
@LANGUAGES
@pytest.mark.parametrize(
    ("name", "kind"), [("", ""), ("churn-forest", "/lifecycle/experiment/")]
)
def test_first_pages_are_sound(person, name, kind, language):
    vera = person("vera", language)

    if name:
        vera.find(name, kind)

    vera.is_done()


def test_search_is_walked_through_and_left_by_keys(person):
    vera = person("vera")
    vera.browser.press("t")
    vera.browser.press("churn")
    vera.tab_to("here.closest('#work-found')", KEY_DOWN)
    vera.page_is_sound()
    vera.page_is_for_all()

    vera.browser.press(KEY_ESCAPE)

    assert vera.browser.run("return document.getElementById('work-found').hidden")
    assert vera.browser.run("return document.activeElement.id") == "work-search"
    vera.key_enter()
    vera.browser.arrive("/find/")
    vera.is_done()


def test_what_looks_at_pages_for_all_is_here():
    if lacking := axe.missing():
        pytest.skip(lacking)
