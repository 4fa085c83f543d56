"""axe-core, which looks at a page for what people with disabilities stumble over."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.driver import Browser
from tests.client.checkout import npm_missing

HERE = Path(__file__).parent
GRAVE = ("serious", "critical")
FIND = (
    "const found = await axe.run(document, {resultTypes: ['violations']});"
    "return found.violations.filter(one => arguments[0].includes(one.impact)).map("
    "    one => [one.id, ...one.nodes.slice(0, 3).map("
    "        node => node.html.slice(0, 200) + ' ' + node.failureSummary)])"
)


def missing() -> str:
    """Return why there is no axe-core, "" if there is."""
    return npm_missing() or ("" if _source() else "npm could not install axe-core")


@functools.cache
def _source() -> str:
    """Return the script of the locked version, "" if npm cannot have it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder,
            check=False,
            capture_output=True,
        )
        script = Path(folder) / "node_modules/axe-core/axe.min.js"
        return script.read_text() if done.returncode == 0 else ""


def findings(browser: Browser) -> list[Any]:
    """Return what is serious or critical on the page as it is shown now."""
    if not browser.run("return typeof axe != 'undefined'"):
        browser.run(_source())
    return list(browser.run(FIND, GRAVE))
