"""Runs beside each other, among 5,000: compared by a metric, and the best one found."""

import csv
import io
from functools import partial

import pytest

from tests.browser.person import KEY_TAB
from tests.browser.pictures import taken

pytestmark = pytest.mark.slow
EXPERIMENT = "/lifecycle/experiment/"
COMPARE = "main form[action] button.primary"
TICK = (
    "const link = [...document.querySelectorAll('main td a')].find("
    "    one => one.textContent.trim() == arguments[0]);"
    "link.closest('tr').querySelector('[name=run]').click()"
)
ROW = (
    "const row = [...document.querySelectorAll('#differences tbody tr')].find("
    "    one => one.cells[0].textContent.trim().startsWith(arguments[0]));"
    "return [...row.cells].slice(1).map(cell => cell.textContent.trim())"
)
FETCHED = (
    "const answer = await fetch(document.querySelector('.work-actions a').href);"
    "return answer.text()"
)


@pytest.fixture
def experiment(draw, facts):
    """An experiment's name, and the accuracy of each of its runs."""
    return draw.choice(sorted(facts["experiments"].items()))


def compare(person, draw, experiment):
    """Go from home to two of the runs beside each other; return their names."""
    name, accuracy = experiment
    chosen = draw.sample(sorted(accuracy), 2)
    person.find(name, EXPERIMENT)
    for run in chosen:
        person.browser.run(TICK, run)
    person.click(COMPARE)
    person.browser.arrive("/compare/")
    return chosen


@pytest.mark.parametrize("language", ["en", "ko"])
def test_two_runs_are_compared_by_a_metric(person, draw, experiment, language):
    vera = person("vera", language)

    chosen = compare(vera, draw, experiment)

    shown = vera.all_texts("#differences thead a")
    assert sorted(shown) == sorted(chosen)
    figures = [float(text) for text in vera.browser.run(ROW, "accuracy")]
    assert figures == [pytest.approx(experiment[1][run], abs=1e-6) for run in shown]
    curve = "#curve-0 svg path.line"
    vera.browser.wait(lambda: len(vera.browser.find(curve)) == 2, "both curves")
    vera.is_done()


def test_comparison_is_had_as_csv_with_every_digit(person, draw, experiment):
    vera = person("vera")

    chosen = compare(vera, draw, experiment)

    lines = list(csv.DictReader(io.StringIO(vera.browser.run(FETCHED))))
    assert {line["name"] for line in lines} == set(chosen)
    for line in lines:
        assert float(line["accuracy"]) == experiment[1][line["name"]]


def test_only_what_differs_is_left_where_one_asks(person, draw, experiment):
    vera = person("vera")
    compare(vera, draw, experiment)
    assert vera.browser.run(ROW, "seed") == ["7", "7"]

    vera.browser.click("#only-differences")

    rows = vera.all_texts("#differences tbody tr:not([hidden]) th")
    assert not any(text.startswith("seed") for text in rows)
    assert any(text.startswith("accuracy") for text in rows)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_best_run_is_the_first_of_the_table(person, experiment, language):
    name, accuracy = experiment
    vera = person("vera", language)

    vera.find(name, EXPERIMENT)
    vera.follow("accuracy", "main thead a")
    vera.browser.see("th[aria-sort=descending]")

    assert vera.all_texts("main tbody td a")[0] == max(accuracy, key=accuracy.get)
    vera.is_done()


def test_best_run_is_found_by_keyboard_alone(person, experiment):
    name, accuracy = experiment
    vera = person("vera")

    vera.find_by_keys(name, EXPERIMENT)
    vera.tab_to("here.closest('thead') && here.textContent == 'accuracy'", KEY_TAB)
    vera.key_enter()
    vera.browser.see("th[aria-sort=descending]")

    assert vera.all_texts("main tbody td a")[0] == max(accuracy, key=accuracy.get)
    vera.is_done()


def test_picture_of_runs_that_are_compared(person):
    vera = person("vera")
    vera.find("churn-forest", EXPERIMENT)
    vera.follow("accuracy", "main thead a")
    vera.browser.see("th[aria-sort=descending]")
    for run in vera.all_texts("main tbody tr:nth-child(-n+6) td a"):
        vera.browser.run(TICK, run)

    vera.click(COMPARE)
    vera.browser.arrive("/compare/")

    for chart in ("curve-0", "curve-1"):
        drawn = partial(vera.browser.find, f"#{chart} svg path.line")
        vera.browser.wait(lambda drawn=drawn: len(drawn()) == 6, "the curves")
    taken(vera.browser, "compare")
