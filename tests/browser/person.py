"""Somebody who uses the pages of work from home on, and whose steps are counted.

A step is a page that is opened or a button that is pressed; ticks, typing and the
answer to a question are not counted.
"""

from typing import Any
from urllib.parse import urlsplit

from tests.browser import axe
from tests.browser.driver import Browser

MOST_STEPS = 3
MOST_TABS = 90
KEY_TAB, KEY_ENTER, KEY_DOWN, KEY_ESCAPE = "\ue004", "\ue007", "\ue015", "\ue00c"
PHONE, DESK = (390, 844), (1440, 900)
OVER = "return document.documentElement.scrollWidth - innerWidth"
HOSTS = (
    "return performance.getEntriesByType('resource')"
    ".map(one => new URL(one.name)).filter(url => url.protocol.startsWith('http'))"
    ".map(url => url.host)"
)
NAMELESS = (
    "return [...document.querySelectorAll('a[href], button, input, select, textarea')]"
    ".filter(one => one.type != 'hidden' && one.checkVisibility() &&"
    "    !one.textContent.trim() && !one.labels?.length && !one.title &&"
    "    !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby'))"
    ".map(one => one.outerHTML.slice(0, 200))"
)
"""Controls without a name, where there is no axe to say so."""
NAMED = (
    "return [...document.querySelectorAll(arguments[0])].find("
    "    one => one.textContent.trim() == arguments[1])"
)
FOUND = "return document.getElementById('work-found').dataset.of == arguments[0]"


class Person:
    """A signed-in person in front of a browser."""

    def __init__(self, browser: Browser, hosts: tuple[str, ...]) -> None:
        self.browser, self.steps = browser, 0
        self._hosts = {urlsplit(url).netloc for url in hosts}

    # By mouse ------------------------------------------------------------------------
    def click(self, css: str) -> None:
        self.steps += 1
        self.browser.click(css)

    def follow(self, text: str, among: str = "main a") -> None:
        """Click the link with this text."""
        self.steps += 1
        self.browser.click_one(lambda: self.browser.run(NAMED, among, text), text)

    def look_for(self, text: str) -> None:
        """Type into the search and wait for what it offers below."""
        self.browser.fill("#work-search", text)
        self.browser.wait(lambda: self.browser.run(FOUND, text), f"found {text}")

    def find(self, text: str, kind: str) -> str:
        """Search, and open the page of what has this name; return its path.

        `kind` is a part of its address, such as "/lifecycle/run/".
        """
        self.look_for(text)
        self.follow(text, f"#work-found a[href*='{kind}']")
        return self.browser.arrive("/work/")

    # By keyboard ---------------------------------------------------------------------
    def tab_to(self, condition: str, key: str = KEY_TAB) -> None:
        """Press Tab until the focused element meets the condition of a script."""
        for _ in range(MOST_TABS):
            self.browser.press(key)
            script = f"const here = document.activeElement; return {condition}"
            if self.browser.run(script):
                return
        raise AssertionError(f"no {key!r} leads to {condition}:\n{self.browser.text}")

    def key_enter(self) -> None:
        self.steps += 1
        self.browser.press(KEY_ENTER)

    def find_by_keys(self, text: str, kind: str) -> str:
        """Search as `find` does, with `t`, the cursor keys and Enter."""
        self.browser.press("t")
        self.browser.press(text)
        self.browser.wait(lambda: self.browser.run(FOUND, text), f"found {text}")
        wanted = f"here.textContent.trim() == {text!r} && here.href?.includes({kind!r})"
        self.tab_to(wanted, KEY_DOWN)
        self.key_enter()
        return self.browser.arrive("/work/")

    # What is seen --------------------------------------------------------------------
    def sees(self, text: str) -> None:
        self.browser.wait(lambda: text in self.browser.text, text)

    def text_of(self, css: str) -> str:
        script = "return document.querySelector(arguments[0])?.textContent ?? ''"
        return str(self.browser.run(script, css))

    def all_texts(self, css: str) -> list[str]:
        script = (
            "return [...document.querySelectorAll(arguments[0])].map("
            "    one => one.textContent.trim())"
        )
        return list(self.browser.run(script, css))

    def is_done(self) -> None:
        """Say that it took few steps, and that the page that came of it is sound."""
        assert self.steps <= MOST_STEPS
        self.page_is_sound()
        self.page_is_for_all()

    def page_is_sound(self) -> None:
        """Say that nothing is cut, complains or comes from elsewhere."""
        for size in (PHONE, DESK):
            self.browser.show_at(*size)
            self.browser.wait(lambda: self._over() <= 0, f"a page of {size[0]} px")
        foreign = set(self.browser.run(HOSTS)) - self._hosts
        assert not foreign, foreign
        nameless = self.browser.run(NAMELESS)
        assert not nameless, nameless
        complaints = self.browser.complaints()
        assert not complaints, complaints

    def page_is_for_all(self) -> None:
        """Say that axe, if it is here, finds nothing serious in either theme."""
        if axe.missing():
            return
        for theme in ("light", "dark"):
            self.browser.run("globalThis.workTheme.set(arguments[0])", theme)
            found = axe.findings(self.browser)
            assert not found, f"{theme}: {found}"

    def _over(self) -> Any:
        return self.browser.run(OVER)
