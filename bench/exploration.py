"""Pages, filters and stored answers of 5M rows over HTTP; lists beside a heavy pass.

The web server is the one that `manage.py up` starts: one worker, four threads.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bench.analytics import tables
from bench.analytics.asking import Ask, Caller, F, Times
from bench.analytics.measuring import Cost, free_blas, table
from bench.correlation import data_folder
from bench.foreign import HERE
from bench.mlflow.servers import Server, ours
from bench.printing import say

BIG = tables.Shape(5_000_000, 30, has_nulls=False)
SMALL = tables.Shape(1_000_000, 20, has_nulls=False)
ROUNDS, STORED_ROUNDS = 60, 200
LISTS = (F, "/api/v1/ml/lifecycle/models", "/api/v1/ml/lifecycle/deployments")
CREATE = """
import sys
from pathlib import Path
from datasets import storage
from datasets.models import Dataset
def chunks(path):
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk
path = Path({path!r})
Dataset.create_from("big", [storage.receive("big.parquet", chunks(path))], by=None)
"""


def main() -> None:
    free_blas()
    os.environ |= {"MLOPS_ANALYTICS_RATE": "0", "MLOPS_WRITE_RATE": "0"}
    with data_folder() as folder:
        say(statistics(tables.parquet(folder, SMALL)))
        big = tables.parquet(folder, BIG)
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as place,
            ours(Path(place), threads=4) as server,
        ):
            _fill(Path(place), big)
            say(reads(Caller(server)))
            say(stored(Caller(server)))
            say(beside_heavy_passes(server))


def statistics(path: Path) -> str:
    """Return what the statistics of 1M x 20 cost, and SUMMARIZE."""
    rows = []
    for name, label in (("profile", "ours"), ("summarize", "SUMMARIZE")):
        command = [sys.executable, "-m", "bench.analytics.methods", name, path, "-"]
        ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603
        cost = Cost(**json.loads(ended.stdout))
        rows.append((label, f"{cost.wall_s:.2f}", f"{cost.cpu_s:.2f}"))
    return table((f"statistics of {SMALL}", "wall s", "CPU s"), rows)


def reads(caller: Caller) -> str:
    """Return how long questions take that nobody has asked before."""
    rng = random.Random(5)  # noqa: S311 - offsets, no secrets

    def offset() -> int:
        return rng.randrange(BIG.rows - 100)

    def above(low: float, high: float) -> Ask:
        level = {"column": "x1", "operator": "gt", "value": rng.uniform(low, high)}
        return Ask(f"{F}/big/filter", {"conditions": [level]})

    kinds = {
        "rows, 100 at any offset": lambda: Ask(
            f"{F}/big/rows?limit=100&offset={offset()}"
        ),
        "sample, 100 random rows, new seed": lambda: Ask(
            f"{F}/big/sample?method=random&limit=100&seed={offset()}"
        ),
        "sample, first 50 rows": lambda: Ask(f"{F}/big/sample?limit=50"),
        "filter, 0.2 to 20 % of the rows match": lambda: above(1, 3),
        "filter, 20 to 200 rows of 5M match": lambda: above(4, 4.6),
    }
    rows = []
    for label, ask in kinds.items():
        caller.times([ask() for _ in range(5)])
        rows.append(_row(label, caller.times([ask() for _ in range(ROUNDS)])))
    return table(("question to 5M x 30, warm", *_FIGURES), rows)


def stored(caller: Caller) -> str:
    """Return what stored answers cost, sent and known to the client."""
    rows = []
    for kind in ("sample", "statistics", "correlation"):
        path = f"{F}/big/{kind}"
        etag = caller.ask(Ask(path)).etag
        for label, ask, expect in (
            (f"{kind}, stored", Ask(path), 200),
            (f"{kind}, 304", Ask(path, etag=etag), 304),
        ):
            caller.times([ask] * 5, expect=expect)
            rows.append(_row(label, caller.times([ask] * STORED_ROUNDS, expect=expect)))
    return table(("answer about 5M x 30", *_FIGURES), rows)


def beside_heavy_passes(server: Server) -> str:
    """Return how lists answer alone, and while two correlations of 5M x 30 run."""
    lists = [Ask(path) for path in LISTS]
    caller = Caller(server)
    caller.times(lists * 5)
    alone = caller.times(lists * 50)
    # 29 columns: an answer about some of them is never a stored one.
    names = ",".join(f"x{index}" for index in range(1, BIG.columns))
    heavy = Ask(f"{F}/big/correlation?columns={names}")
    took: list[float] = []

    def correlate() -> None:
        answer = Caller(server).ask(heavy)
        if answer.status != 200:  # noqa: PLR2004
            raise RuntimeError(answer.body[:300])
        took.append(answer.took_ms)

    threads = [threading.Thread(target=correlate) for _ in range(2)]
    for thread in threads:
        thread.start()
    beside: list[float] = []
    while any(thread.is_alive() for thread in threads):
        beside += caller.times(lists).each_ms
    for thread in threads:
        thread.join()
    rows = [
        _row("alone", alone),
        _row("beside two correlations of 5M x 29", Times(beside, float("nan"))),
    ]
    seconds = ", ".join(f"{ms / 1000:.1f} s" for ms in took)
    return table(("lists", *_FIGURES), rows) + f"\nThe correlations took {seconds}.\n"


_FIGURES = ("requests", "p50 ms", "p95 ms", "max ms", "server CPU ms")


def _row(label: str, found: Times) -> list[str]:
    figures = (found.percentile(0.5), found.percentile(0.95), max(found.each_ms))
    return [
        label,
        str(len(found.each_ms)),
        *(f"{figure:.1f}" for figure in figures),
        f"{found.cpu_ms:.1f}",
    ]


def _fill(data_dir: Path, path: Path) -> None:
    """Put a file into the catalogue by the models' own verbs, and read it."""
    env = {**os.environ, "MLOPS_DATA_DIR": str(data_dir)}
    manage = [sys.executable, str(HERE / "manage.py")]
    script = CREATE.format(path=str(path))
    for arguments in (
        ["shell", "--verbosity", "0", "-c", script],
        ["ingest", "--once"],
    ):
        subprocess.run(  # noqa: S603 - our own manage.py
            [*manage, *arguments],
            check=True,
            env=env,
            cwd=HERE,
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main()
