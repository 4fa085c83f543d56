"""Pictures of pages, as README shows them.

    PICTURES=docs/images .venv/bin/python -m pytest -m slow tests/browser -k picture

writes them anew. Without the variable they are taken and only looked at.
"""

import os
from pathlib import Path

from tests.browser.driver import Browser

FOLDER = os.environ.get("PICTURES", "")
WIDTH, HEIGHT = 1440, 900
LEAST_BYTES, MOST_BYTES = 20_000, 200_000
"""An empty page is smaller; a larger one is slow to load with README."""
AT_REST = (
    "return document.readyState == 'complete' && document.fonts.status == 'loaded'"
    " && !document.querySelector('[aria-busy=true]')"
)


def taken(browser: Browser, name: str) -> None:
    """Take a picture of the top of the page; keep it where PICTURES says."""
    browser.show_at(WIDTH, HEIGHT)
    browser.run("scrollTo(0, 0); document.activeElement.blur()")
    browser.wait(lambda: browser.run(AT_REST), "a page at rest")
    content = browser.webp()
    assert content[8:12] == b"WEBP"
    assert LEAST_BYTES < len(content) <= MOST_BYTES
    if FOLDER:
        (Path(FOLDER) / f"{name}.webp").write_bytes(content)
