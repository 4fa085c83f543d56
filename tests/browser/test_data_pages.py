"""The pages of data in a real browser: rows of a dataset, files of a run."""

from urllib.parse import urlencode

import httpx
import pytest

from tests.browser.pictures import taken

pytestmark = pytest.mark.slow

COUNT = 12_000
PRICES = [(number * 7_919) % 100_003 / 8 for number in range(COUNT)]
ROWS = "id,price,symbol\n" + "".join(
    f"{number},{price},{'AAPL' if number % 3 else 'MSFT'}\n"
    for number, price in enumerate(PRICES)
)
LONG = f"text\n{'x' * 1_200_000}\n"
DATASETS = "/api/v1/features/datasets"
RUN = "demo-linear-1991-2004"


@pytest.fixture(scope="module")
def dataset(stack):
    """A dataset of 12,000 rows, by the API."""
    return uploaded(stack, "ticks", ROWS)


def uploaded(stack, name, rows):
    answer = httpx.post(
        stack.url + DATASETS,
        data={"name": name},
        files={"file": (f"{name}.csv", rows)},
        headers={"Authorization": f"Bearer {stack.tokens['scientist']}"},
        timeout=120,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.fixture
def page(stack, browser, sign_in):
    opened = browser()
    sign_in(opened, "maker")
    opened.complaints()
    yield opened
    assert opened.complaints() == []


def is_loaded(page):
    script = "return document.getElementById('table')?.getAttribute('aria-busy')"
    return page.run(script) == "false" and page.find("#table tbody tr")


def rows(page):
    """The texts of the rows that are shown."""
    return page.run(
        "return [...document.querySelectorAll('#table tbody tr')].map("
        "    row => [...row.cells].map(cell => cell.textContent))"
    )


def test_row_5000_sorted_by_a_column_is_three_steps_from_the_list(stack, page, dataset):
    wanted = sorted(range(COUNT), key=lambda number: (-PRICES[number], number))[4_999]

    page.open(f"{stack.url}/admin/datasets/dataset/?q=ticks")
    page.click("#result_list tbody tr th a")
    page.wait(lambda: is_loaded(page), "the rows")
    for arrow in ("ascending", "descending"):
        page.click("button.sort[data-sort=price]")
        page.see(f"th[aria-sort={arrow}]")
    page.fill("#goto [name=row]", "5000")
    page.click("#goto button")

    page.see("tr.marked")
    marked = page.run(
        "return [...document.querySelector('tr.marked').cells].map(c => c.textContent)"
    )
    symbol = "AAPL" if wanted % 3 else "MSFT"
    assert marked[:2] == ["5,000", str(wanted)]
    assert float(marked[2]) == PRICES[wanted]
    assert marked[3] == symbol

    address = page.run("return location.href")
    page.open("about:blank")
    page.open(address)
    page.see("tr.marked")
    assert rows(page)[-1][:2] == ["5,000", str(wanted)]


def test_a_filter_is_exported_as_it_is_seen(stack, page, dataset):
    kept = sum(price >= 12_000 for price in PRICES)

    page.open(f"{stack.url}/admin/datasets/dataset/{dataset}/work/")
    page.wait(lambda: is_loaded(page), "the rows")
    page.choose(".condition select", "price")
    page.choose(".condition select:nth-of-type(2)", "≥")
    page.fill(".condition input", "12000")
    page.click("#apply")
    page.wait(lambda: f"of {kept:,}" in page.text, f"of {kept:,}")
    exported = page.run(
        "const answer = await fetch(document.querySelector('[data-format=csv]').href);"
        "return answer.text()"
    )

    assert len(exported.splitlines()) == kept + 1
    assert all(float(line.split(",")[1]) >= 12_000 for line in exported.split()[1:])


def test_a_cell_is_walked_to_by_keys_and_shown_whole(stack, page, dataset):
    page.open(f"{stack.url}/admin/datasets/dataset/{dataset}/work/")
    page.wait(lambda: is_loaded(page), "the rows")

    page.run(
        "const cell = document.querySelector('#table td[tabindex=\"0\"]');"
        "cell.focus();"
        "for (const key of ['ArrowDown', 'ArrowRight', 'Enter'])"
        "  document.activeElement.dispatchEvent("
        "    new KeyboardEvent('keydown', {key, bubbles: true}));"
    )

    page.wait(lambda: "row of the version 2" in page.text, "the whole cell")
    shown = page.run("return document.getElementById('cell-value').textContent")
    assert float(shown) == PRICES[1]


def test_a_cell_too_long_to_be_shown_whole_says_so(stack, page):
    home = f"{stack.url}/admin/datasets/dataset/{uploaded(stack, 'long', LONG)}/work/"
    page.open(home)
    page.wait(lambda: "1 long cells are cut" in page.text, "that a cell is cut")

    page.click("#table td[data-column='0']")

    cut = "Only the beginning is shown: the cell is longer than 1,000,000 characters."
    page.wait(lambda: cut in page.text, "what is shown of the cell")


def test_an_answer_with_long_cells_says_that_they_are_cut(stack, page, dataset):
    statement = "SELECT repeat('x', 2000) AS long FROM data LIMIT 1"
    query = urlencode({"sql": statement})
    page.open(f"{stack.url}/admin/datasets/dataset/{dataset}/sql/?{query}")

    page.click("#sql form button.primary")

    cut = "1 long cells are cut; a file has them whole"
    page.wait(lambda: cut in page.text, "that a cell is cut")
    assert len(rows(page)[0][1]) == 1_001


def test_a_model_tells_what_it_takes_in_the_pages_of_its_run(stack, page):
    page.open(f"{stack.url}/admin/lifecycle/run/{RUN}/files/")
    page.run(
        "[...document.querySelectorAll('.files a')].find("
        "    link => link.textContent.includes('model.onnx')).click()"
    )

    page.see("#look table")
    assert "Inputs" in page.text
    assert "float" in page.text


@pytest.mark.parametrize(
    "tab", ["work", "sql", "quality", "drift", "correlation", "versions", "upload"]
)
def test_no_tab_is_wider_than_a_phone(stack, page, dataset, tab):
    page._post("/window/rect", {"width": 390, "height": 844})

    page.open(f"{stack.url}/admin/datasets/dataset/{dataset}/{tab}/")
    page.see(".work-tabs")

    wide, seen = page.run(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert wide <= seen


def test_picture_of_rows(stack, page):
    page.open(f"{stack.url}/admin/find/?q=sp500-panel")
    page.click("main .news a[href*='/datasets/dataset/']")
    page.wait(lambda: is_loaded(page), "the rows")

    page.wait(lambda: len(page.find("#table thead svg")) > 3, "pictures of columns")

    taken(page, "rows")
