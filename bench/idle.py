"""What everything costs while nobody asks for anything: processor and memory.

    IDLE_S=60 IDLE_PYTHON=/path/to/venv/bin/python python -m bench.idle

Of all processes of `manage.py up` together, over five minutes each: with nothing
deployed; with the demo's data and its one deployment; and once each page and question
of the program was used. The first minute after the demo was told is measured by itself:
its last deployment bakes then. CPU is in percent of one core; memory is what it would
be if nothing else ran on the machine (`bench.alone`), and beside it PSS, which is less
where others have mapped the same libraries. `IDLE_PYTHON` is the interpreter of an
environment with requirements.txt alone, as `make run` makes one.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

from bench.alone import alone_bytes, pss_bytes
from bench.printing import say
from bench.stack import END_OF_BANNER, END_OF_DEMO, running

IDLE_S = float(os.environ.get("IDLE_S", "300"))
SETTLE_S = 90.0
"""What an analytics engine opened it has closed again by then."""
BAKE_S = 60.0
PYTHON = os.environ.get("IDLE_PYTHON", sys.executable)
PORT, SERVING_PORT = 8620, 8621
URL = f"http://localhost:{PORT}"
PASSWORD = re.compile(r"as admin, password (\S+)")
TOKEN = re.compile(r"^  admin +(mlops_\S+)", re.MULTILINE)
LINK = re.compile(r'href="(/[^"#]*)"')
FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
MOST_PAGES = 300
NEVER = ("logout", "/stream", "/delete/", "/password", "/static/")
TICKS_S = os.sysconf("SC_CLK_TCK")


def main() -> None:
    say("| state | processes | CPU, % of a core | memory alone, MB | PSS, MB |")
    say("|---|---|---|---|---|")
    with installed("--no-demo") as (pid, _):
        report("nothing deployed", pid)
    with installed() as (pid, text):
        report("the minute after the demo was told", pid, settle_s=0, seconds=BAKE_S)
        report("the demo, one deployment", pid)
        used = use(text)
        report(f"after {used} pages and questions", pid)


@contextmanager
def installed(*arguments: str) -> Iterator[tuple[int, str]]:
    """Run everything in a folder of its own; yield its process and what it said."""
    with tempfile.TemporaryDirectory(prefix="idle-") as folder:
        out = Path(folder) / "out"
        environment = os.environ | {
            "MLOPS_DATA_DIR": f"{folder}/var",
            "MLOPS_PORT": str(PORT),
            "MLOPS_SERVING_PORT": str(SERVING_PORT),
        }
        until = END_OF_BANNER if arguments else END_OF_DEMO
        with running(environment, out, *arguments, python=PYTHON, until=until) as found:
            yield found


def report(
    state: str, pid: int, *, settle_s: float = SETTLE_S, seconds: float = IDLE_S
) -> None:
    """Say what it costs over so many seconds, after a rest."""
    time.sleep(settle_s)
    before, began = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_s(pid) - before) / (time.monotonic() - began)
    everybody = family(pid)
    alone, pss = alone_bytes(everybody) / 1e6, sum(map(pss_bytes, everybody)) / 1e6
    say(f"| {state} | {len(everybody)} | {share:.2%} | {alone:.0f} | {pss:.0f} |")


def family(pid: int) -> list[int]:
    """Return a process and all that it and its own have started."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """Return what a family has computed, children that have ended included."""
    ticks = 0
    for each in family(pid):
        stat = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, stat[11:15]))
    return ticks / TICKS_S


class Browser:
    """Keeps cookies, and shows a token where it has one."""

    def __init__(self, token: str = "") -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._head = {"Authorization": f"Bearer {token}"} if token else {}

    def open(self, path: str, form: Mapping[str, str] | None = None) -> str:
        """Return the text of an answer, whatever it is; nothing if there is none."""
        address = urljoin(URL, path)
        head = {**self._head, "Referer": address}
        body = urlencode(form).encode() if form is not None else None
        request = Request(address, body, head)  # noqa: S310 - our own address
        try:
            with self._opener.open(request, timeout=120) as answer:
                return str(answer.read().decode("utf-8", "replace"))
        except (OSError, HTTPException):
            return ""


def use(banner: str) -> int:
    """Open every page that links lead to, and ask the API all that it answers."""
    password, token = PASSWORD.search(banner), TOKEN.search(banner)
    if password is None or token is None:
        raise RuntimeError("The banner names no password or token.")
    return visit(password[1]) + ask(token[1])


def visit(password: str) -> int:
    """Sign in to the admin and follow its links; return how many there were."""
    browser, address = Browser(), "/admin/login/?next=/admin/"
    field = FIELD.search(browser.open(address))
    form = {"username": "admin", "password": password, "next": "/admin/"}
    browser.open(address, form | {"csrfmiddlewaretoken": field[1] if field else ""})
    seen, waiting = set[str](), ["/admin/"]
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        if path not in seen and not any(part in path for part in NEVER):
            seen.add(path)
            waiting += LINK.findall(browser.open(path))
    return len(seen)


def ask(token: str) -> int:
    """GET every route of the document that the demo's objects have an answer to."""
    browser = Browser(token)
    document = json.loads(browser.open("/api/schema/?format=json"))
    routes = [
        path
        for path, verbs in document["paths"].items()
        if "get" in verbs and not any(part in path for part in NEVER)
    ]
    asked = [one for path in sorted(routes) for one in addresses(path, browser)]
    for path in asked:
        browser.open(path)
    return len(asked)


def addresses(path: str, browser: Browser) -> list[str]:
    """Return a route with its names filled in: of the first object that is listed."""
    head, brace, rest = path.partition("{")
    if not brace:
        return [path]
    name, _, tail = rest.partition("}")
    row = first_of(browser.open(head.rstrip("/")) or browser.open(head))
    for key in (name, "id", "name", "version"):
        if row.get(key):
            return addresses(f"{head}{quote(str(row[key]), safe='')}{tail}", browser)
    return []


def first_of(text: str) -> dict[str, Any]:
    """Return the first object of a list as the API answers it, else an empty one."""
    try:
        listed = json.loads(text)
    except ValueError:
        return {}
    if isinstance(listed, dict):
        listed = next((one for one in listed.values() if isinstance(one, list)), [])
    return listed[0] if listed and isinstance(listed[0], dict) else {}


if __name__ == "__main__":
    main()
