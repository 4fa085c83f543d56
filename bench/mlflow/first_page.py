"""The first page of 10,000 runs in MLflow's own pages: the CPU of each server for it.

A real browser opens the table of runs on each server, and everything that the page
asks for counts: its files, experiments, runs. The runs are
logged here and exported to MLflow's server, so that both have the same. Needs Chromium;
without it nothing is measured.

    python -m bench.mlflow.first_page
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.foreign import HERE
from bench.mlflow.cases import new_run
from bench.mlflow.client import python_with, version_of
from bench.mlflow.servers import Server, environment, ours, set_password, theirs
from bench.mlflow.wire import Wire
from bench.printing import say
from tests.browser.driver import Browser, missing

RUNS: Final = 10_000
VISITS: Final = 5
GOAL: Final = 3
NOTHING_KEPT: Final = "has nothing of the page yet"
KINDS: Final = (NOTHING_KEPT, "has its files from a visit before")
QUIET_S: Final = 3.0
PASSWORD: Final = "a long word of the bench"  # noqa: S105 - of a store that goes away
_BUILD = "import mlflow.server as s; print(s.__path__[0] + '/js/build')"
_ROWS = "return document.querySelectorAll('.ag-center-cols-container [row-id]').length"
_ASKED = """
    return performance.getEntriesByType('resource')
        .filter(one => one.responseStatus).length
"""
_FAILED = """
    return performance.getEntriesByType('resource')
        .filter(one => one.responseStatus >= 500).map(one => one.name)
"""


def main() -> None:
    if lacking := missing():
        say(f"First page of MLflow's pages: {lacking}")
        return
    python = python_with()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with ours(place / "ours", MLOPS_MLFLOW_UI=_pages_of(python)) as mine:
            set_password(place / "ours", PASSWORD)
            experiment = _fill(mine)
            _export(place / "ours", place / "exported")
            with theirs(python, place / "exported") as mlflow:
                page = f"#/experiments/{experiment}/runs"
                their_page = f"http://127.0.0.1:{mlflow.port}/{page}"
                our_page = f"http://127.0.0.1:{mine.port}/mlflow/{page}"
                found = _measure(place, mlflow, their_page, is_ours=False)
                here = _measure(place, mine, our_page, is_ours=True)
    say(
        f"\nMLflow {version_of(python)}, first page of {RUNS:,} runs, "
        f"median of {VISITS} visits\n"
    )
    say("| the browser | requests | MLflow CPU ms | requests | ours | x | target |")
    say("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind in KINDS:
        theirs_, ours_ = found[kind], here[kind]
        say(
            f"| {kind} | {theirs_.requests} | {theirs_.cpu_ms:,.0f} | {ours_.requests} "
            f"| {ours_.cpu_ms:,.0f} | **{theirs_.cpu_ms / ours_.cpu_ms:.1f}** "
            f"| {GOAL} x |"
        )


def _pages_of(python: Path) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [python, "-c", _BUILD], check=True, capture_output=True, text=True
    )
    return done.stdout.strip().splitlines()[-1]


def _fill(server: Server) -> str:
    say(f"filling with {RUNS:,} runs …")
    wire, dice = Wire(server), random.Random(7)  # noqa: S311 - no secret
    made = wire.post("experiments/create", {"name": "bench"})
    experiment: str = made["experiment_id"]
    for number in range(RUNS):
        new_run(wire, experiment, number, dice)
    return experiment


def _export(store: Path, into: Path) -> None:
    command = [sys.executable, "manage.py", "export_mlflow", str(into)]
    subprocess.run(  # noqa: S603 - our own manage.py
        command,
        check=True,
        cwd=HERE,
        env=environment(store),
        stdout=subprocess.DEVNULL,
    )


class Visit(NamedTuple):
    """What the page asked for, and the CPU milliseconds that the server took for it."""

    requests: int
    cpu_ms: float


def _measure(
    folder: Path, server: Server, address: str, *, is_ours: bool
) -> dict[str, Visit]:
    """Return the median visit, by whether the browser has the page's files."""
    browser = Browser(folder / f"profile-{server.name}")
    try:
        if is_ours:
            _sign_in(browser, address)
        return {
            kind: _median(
                [_visit(browser, server, address, kind) for _ in range(VISITS)]
            )
            for kind in KINDS
        }
    finally:
        browser.close()


def _sign_in(browser: Browser, address: str) -> None:
    browser.open(address)
    browser.fill("#id_username", "bench")
    browser.fill("#id_password", PASSWORD)
    browser.submit("#id_password")


def _visit(browser: Browser, server: Server, address: str, kind: str) -> Visit:
    browser.open("about:blank")
    if kind == NOTHING_KEPT:
        browser.clear_cache()
    time.sleep(QUIET_S)  # what a server still does for the page before is not counted
    before = server.cpu_s()
    browser.open(address)
    browser.wait(lambda: browser.run(_ROWS), "the table of runs")
    _wait_for_quiet(browser)
    taken = server.cpu_s() - before
    if failed := browser.run(_FAILED):
        raise RuntimeError(f"{server.name} failed: {failed}")
    return Visit(browser.run(_ASKED), taken * 1000)


def _wait_for_quiet(browser: Browser) -> None:
    """Return once the page has asked for nothing new for a while."""
    asked, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_S:
        if (now := browser.run(_ASKED)) != asked:
            asked, since = now, time.monotonic()
        time.sleep(0.2)


def _median(visits: list[Visit]) -> Visit:
    requests, cpu_ms = zip(*visits, strict=True)
    return Visit(median(requests), median(cpu_ms))


if __name__ == "__main__":
    main()
