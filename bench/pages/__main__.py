"""Pages and curves of a large store: CPU of the web process, user and system.

python -m bench.pages [--visits 9] [--only WORD]

Each page is asked through all middleware by a signed-in person; the first two visits
warm caches and are not counted. `BENCH_DATA=folder` keeps the store for the next run;
`DATABASE_URL` names a PostgreSQL instead, whose own CPU is not the web process's.
"""

import argparse
import os
import resource
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

from bench.pages.filling import POINTS, Filling
from bench.pages.visits import visits
from bench.printing import say
from bench.store import empty_store, kept_store

ALLOWED_MS, FIRST_LOOK_MS, LOOK_MS = 150, 1_500, 100
WARM, FIRST_LOOKS, NEW_POINTS = 2, 3, 1_000
CURVES = "/api/v1/ml/lifecycle/curves?run_id=long&metric=loss"

Ask = Callable[[], Any]


def main() -> None:
    """Print a Markdown table of pages and one of curves; what is too dear is bold."""
    options = _options()
    kept = os.environ.get("BENCH_DATA")
    with kept_store(Path(kept) / "pages") if kept else empty_store():
        filled = Filling.found() or _filled()
        client = _signed_in(filled)
        say("| page | CPU ms | slowest | queries | KiB |")
        say("|---|---:|---:|---:|---:|")
        for name, address in visits(filled):
            if options.only in name:
                say(_page(client, name, address, options.visits))
        say(f"\n| curve of {POINTS:,} points | CPU ms | slowest |")
        say("|---|---:|---:|")
        for name, allowed, taken in _curves(client, filled, options.visits):
            say(f"| {name} | {_figures(taken, allowed)} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=9)
    parser.add_argument("--only", default="")
    return parser.parse_args()


def _filled() -> Filling:
    filled = Filling.begun()
    filled.fill()
    return filled


def _signed_in(filled: Filling) -> Any:
    from django.test import Client  # noqa: PLC0415

    client = Client(SERVER_NAME="localhost")
    client.force_login(filled.owner)
    return client


def _page(client: Any, name: str, address: str, times: int) -> str:
    from django.db import connection  # noqa: PLC0415

    queries = []

    def count(execute: Any, *asked: Any) -> Any:
        queries.append(asked[0])
        return execute(*asked)

    def ask() -> Any:
        answer = client.get(address)
        if answer.status_code != HTTPStatus.OK:
            raise SystemExit(f"{address}: {answer.status_code}")
        return answer

    for _ in range(WARM - 1):
        ask()
    with connection.execute_wrapper(count):
        size = len(ask().content)
    taken = [cpu_ms(ask) for _ in range(times)]
    return f"| {name} | {_figures(taken, ALLOWED_MS)} | {len(queries)} | {size >> 10} |"


def _curves(
    client: Any, filled: Filling, times: int
) -> Iterator[tuple[str, int, list[float]]]:
    """Yield what a look costs: the first, the next, one while points are added."""
    from lifecycle.models import MetricCurve  # noqa: PLC0415

    def ask() -> None:
        answer = client.get(CURVES)
        if answer.status_code != HTTPStatus.OK:
            raise SystemExit(f"{CURVES}: {answer.status_code}")

    first = []
    for _ in range(FIRST_LOOKS):
        MetricCurve.objects.all().delete()
        first.append(cpu_ms(ask))
    yield "the first look", FIRST_LOOK_MS, first
    yield "again", LOOK_MS, [cpu_ms(ask) for _ in range(times)]
    grown = []
    for _ in range(times):
        filled.points(NEW_POINTS, filled.next_step())
        grown.append(cpu_ms(ask))
    yield f"after each {NEW_POINTS:,} points more", LOOK_MS, grown


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds of CPU that all threads of this process take for it."""
    before = _used()
    work()
    return (_used() - before) * 1000


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _figures(taken: list[float], allowed: int) -> str:
    middle = f"{median(taken):.0f}"
    shown = f"**{middle}**" if median(taken) > allowed else middle
    return f"{shown} | {max(taken):.0f}"


if __name__ == "__main__":
    main()
