"""MLflow's server and ours, side by side: requests a second and CPU per request.

Both on SQLite, one worker each, durable to the disk on each commit (ours: WAL and
synchronous=FULL; MLflow: its default, a rollback journal and FULL). Each case goes to
one server, then to the other, in turns; the median of the turns counts.

MLflow answers an upload before the file is on the disk, ours after. So uploads are
measured three times: as both are; on the disk on both sides, where the client syncs
MLflow's file and folder; and on neither, where ours has `MLOPS_ARTIFACT_SYNC=off`.
At the end, how searching grows with the runs (`growth`), and the first page of 10,000
of them in MLflow's own pages (`first_page`).

    python -m bench.mlflow [--runs 2000] [--seconds 1.5] [--turns 3] [--only WORD]
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.mlflow import first_page, growth
from bench.mlflow.cases import Prepared, Request, cases, prepare, uploading
from bench.mlflow.client import python_with, version_of
from bench.mlflow.servers import Server, ours, theirs
from bench.mlflow.wire import Wire
from bench.printing import say

TARGETS = {
    "create run": 2.5,
    "log-metric": 2.5,
    "log-batch": 5,
    "get run": 4,
    "search,": 10,
    "metric history": 15,
    "create version": 6,
    "search versions": 5,
    "artifact": 1.5,
}


SIZES_MB = (1, 10)
NEITHER = "neither on disk"


class Figure(NamedTuple):
    """Requests a second and milliseconds of CPU for one request."""

    per_s: float
    cpu_ms: float


def main() -> None:
    options = _options()
    python = python_with()
    with (
        tempfile.TemporaryDirectory() as folder,
        theirs(python, Path(folder)) as mlflow,
        ours(Path(folder) / "ours") as mine,
        ours(Path(folder) / "loose", syncs_files=False) as loose,
    ):
        filled = {
            name: _filled(server, options.runs if server is not loose else 1)
            for name, server in {"mlflow": mlflow, "ours": mine, "loose": loose}.items()
        }
        requests = _requests(filled, Path(folder) / "artifacts")
        say(
            f"\nMLflow {version_of(python)}, {options.runs} runs, "
            f"{options.turns} x {options.seconds} s a case\n"
        )
        say("| case | MLflow /s | ours /s | x | MLflow CPU ms | ours | x | target |")
        say("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for name, pair in requests.items():
            if options.only in name:
                second = loose if name.endswith(NEITHER) else mine
                say(_row(name, (mlflow, second), pair, options))
    if not options.only:
        say("")
        growth.main()
        say("")
        first_page.main()


def _filled(server: Server, runs: int) -> Prepared:
    say(f"filling {server.name} with {runs} runs …")
    return prepare(Wire(server), runs)


def _requests(
    filled: dict[str, Prepared], unsynced: Path
) -> dict[str, tuple[Request, Request]]:
    """Return MLflow's request and ours by the name of the case."""
    mlflow, mine, loose = filled["mlflow"], filled["ours"], filled["loose"]
    theirs_, ours_ = cases(mlflow), cases(mine)
    found = {name: (theirs_[name], ours_[name]) for name in ours_}
    for size in SIZES_MB:
        name, as_it_is = f"artifact up, {size} MB", uploading(mlflow, size)
        found[name] = (as_it_is, uploading(mine, size))
        on_disk = uploading(mlflow, size, unsynced)
        found[f"{name}, both on disk"] = (on_disk, uploading(mine, size))
        found[f"{name}, {NEITHER}"] = (as_it_is, uploading(loose, size))
    return found


def _row(
    name: str,
    servers: tuple[Server, Server],
    requests: tuple[Request, Request],
    options: argparse.Namespace,
) -> str:
    turns: tuple[list[Figure], list[Figure]] = ([], [])
    for _ in range(options.turns):
        for server, request, figures in zip(servers, requests, turns, strict=True):
            figures.append(_measure(server, request, options.seconds))
    theirs_, ours_ = (
        Figure(*(median(column) for column in zip(*figures, strict=True)))
        for figures in turns
    )
    target = next(
        (f"{t} x" for word, t in TARGETS.items() if name.startswith(word)), ""
    )
    return (
        f"| {name} | {theirs_.per_s:,.1f} | {ours_.per_s:,.1f} | "
        f"**{ours_.per_s / theirs_.per_s:.1f}** | {theirs_.cpu_ms:.2f} | "
        f"{ours_.cpu_ms:.2f} | **{theirs_.cpu_ms / ours_.cpu_ms:.1f}** | {target} |"
    )


def _measure(server: Server, request: Request, seconds: float) -> Figure:
    request()  # what is only done once is not counted
    cpu, start, number = server.cpu_s(), time.perf_counter(), 0
    while (taken := time.perf_counter() - start) < seconds:
        request()
        number += 1
    return Figure(number / taken, (server.cpu_s() - cpu) / number * 1000)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
