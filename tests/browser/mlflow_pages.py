"""MLflow's own pages in a browser: their addresses, buttons, tables and notices."""

from typing import Any

from tests.browser.driver import Browser

KEY_ENTER, KEY_DOWN, KEY_ESCAPE = "\ue007", "\ue015", "\ue00c"
BUTTON = (
    "return [...document.querySelectorAll('button')].find(one =>"
    "    one.checkVisibility() && one.textContent.trim() == arguments[0])"
)
TEXT = (
    "return [...document.querySelectorAll(arguments[0] + ' *')].filter(one =>"
    "    one.checkVisibility() && one.textContent.trim() == arguments[1]).pop()"
)
OPTION = (
    "return [...document.querySelectorAll('.du-bois-light-select-item-option')]"
    ".find(one => one.textContent.includes(arguments[0]))"
)
TICK = """
    const rows = [...document.querySelectorAll('[row-id]')]
    const row = rows.find(one => one.checkVisibility() &&
        [...one.querySelectorAll('a')].some(
            link => link.textContent.trim() == arguments[0]))
    return rows.filter(one => row && one.getAttribute('row-id') ==
        row.getAttribute('row-id')).flatMap(
        one => [...one.querySelectorAll('.ag-selection-checkbox')]).find(
        box => box.checkVisibility() && box.getBoundingClientRect().width)
"""
NAMES = (
    "return [...document.querySelectorAll('.ag-pinned-left-cols-container [row-id]')]"
    ".sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'))"
    ".map(one => one.querySelector('a')?.textContent.trim())"
)
HEADS = (
    "return [...document.querySelectorAll("
    "    '.ag-header-cell-text, [data-testid^=sort-header]')]"
    ".map(one => one.textContent.trim())"
)
FAILED = (
    "return performance.getEntriesByType('resource')"
    ".filter(one => one.responseStatus >= 400)"
    ".map(one => `${one.responseStatus} ${new URL(one.name).pathname}`)"
)
WATCH = """
    globalThis.noticed = []
    new MutationObserver(changes => changes.forEach(change =>
        change.addedNodes.forEach(node => noticed.push(node.textContent)))
    ).observe(document.documentElement, {childList: true, subtree: true})
"""
"""Notices are there for seconds only."""
NOTICED = (
    "return noticed.some(text => text.includes(arguments[0])) ||"
    "    document.body.innerText.includes(arguments[0])"
)


class MlflowPages:
    """Somebody in front of MLflow's own pages."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self._url = browser, url

    def sign_in(self, name: str, password: str) -> None:
        self.browser.open(f"{self._url}/mlflow/#/experiments")
        self.browser.fill("#id_username", name)
        self.browser.fill("#id_password", password)
        self.browser.submit("#id_password")

    def open(self, route: str) -> None:
        """Load a page anew, and watch what it notifies of."""
        self.browser.open("about:blank")
        self.browser.complaints()
        self.browser.open(f"{self._url}/mlflow/#{route}")
        self.browser.run(WATCH)

    def sees(self, *texts: str) -> None:
        for text in texts:
            self.browser.wait(lambda text=text: text in self.browser.text, text)

    def is_told(self, sentence: str) -> None:
        """Wait for a notice or message with the sentence."""
        self.browser.wait(lambda: self.browser.run(NOTICED, sentence), sentence)

    def press(self, name: str) -> None:
        self.browser.click_one(lambda: self.browser.run(BUTTON, name), name)

    def choose(self, text: str, inside: str = "body") -> None:
        """Click the innermost element with this text."""
        self.browser.click_one(lambda: self.browser.run(TEXT, inside, text), text)

    def pick(self, option: str) -> None:
        """Click an option of the list that is open."""
        self.browser.click_one(lambda: self.browser.run(OPTION, option), option)

    def tick(self, *runs: str) -> None:
        """Select runs of a table that has come to rest."""
        for number, run in enumerate(runs, 1):
            self.browser.click_one(lambda run=run: self.browser.run(TICK, run), run)
            self.browser.wait(lambda number=number: self._ticked() == number, run)

    def lists(self, *runs: str) -> None:
        """Wait for a table of exactly these runs, in this order."""
        self.browser.wait(lambda: self._names() == list(runs), f"the runs {runs}")

    def has_column(self, name: str) -> None:
        self.browser.wait(lambda: name in self.browser.run(HEADS), f"column {name}")

    def draws(self, script: str) -> None:
        """Wait until what the script looks for is there."""
        self.browser.wait(lambda: self.browser.run(f"return {script}"), script)

    def is_sound(self) -> None:
        """Say that no request failed and nothing complained."""
        failed, complaints = self.browser.run(FAILED), self.browser.complaints()
        assert not failed, failed
        assert not complaints, complaints

    def was_refused(self, request: str) -> None:
        """Say that this request alone failed, by 403, and nothing else complained."""
        path = f"/mlflow/ajax-api/2.0/mlflow/{request}"
        assert set(self.browser.run(FAILED)) == {f"403 {path}"}
        assert all(f"{path} " in one for one in self.browser.complaints())

    def _ticked(self) -> Any:
        """Return how many runs are selected; a row is there once for each half."""
        script = "return new Set([...document.querySelectorAll('.ag-row-selected')]"
        return self.browser.run(
            f"{script}.map(one => one.getAttribute('row-id'))).size"
        )

    def _names(self) -> Any:
        return self.browser.run(NAMES)
