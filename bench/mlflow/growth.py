"""How searching grows: the same questions at 2,000 runs and at 200,000.

The runs come in through the API; their copies, with metrics of their own, are made
by SQL in the same database, since a hundred thousand requests would take an hour.
"""

# ruff: noqa: S608 - the texts in the statements are numbers and columns from here

import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import quantiles

import orjson

from bench.mlflow.cases import prepare
from bench.mlflow.servers import ours
from bench.mlflow.wire import API, Wire
from bench.printing import say

RUNS, COPIES = 2000, 100
ASKED = 60
QUESTIONS: dict[str, dict[str, object]] = {
    "newest first": {},
    "filter and order by metrics": {
        "filter": "metrics.m0 > 0.1 and params.p0 != 'none'",
        "order_by": ["metrics.m1 DESC"],
    },
    "order by a metric": {"order_by": ["metrics.m2 ASC"]},
    "filter by a parameter": {"filter": "params.p1 = '3'"},
    "filter by a metric": {"filter": "metrics.m3 > 0.9"},
    "filter by a tag": {"filter": "tags.`mlflow.user` = 'bench'"},
}
_COLUMNS = {
    "run": "name, user_label, status, notes, ended_ms, deleted_ms, created_by_id, "
    "experiment_id",
    "latestmetric": "dataset, step, timestamp_ms, is_nan, key_id",
    "param": "value, is_json, key_id",
    "runtag": "value, key_id",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder)) as server:
        wire = Wire(server)
        experiment = prepare(wire, RUNS).experiment
        few = {name: _p95(wire, experiment, name) for name in QUESTIONS}
        _multiply(Path(folder) / "mlops.sqlite3", int(experiment))
        many = {name: _p95(wire, experiment, name) for name in QUESTIONS}
    say(f"| search, 100 runs, p95 of {ASKED} | {RUNS:,} runs, ms | ", end="")
    say(f"{RUNS * COPIES:,} runs, ms | x | target |")
    say("| --- | ---: | ---: | ---: | ---: |")
    for name in QUESTIONS:
        times = many[name] / few[name]
        say(f"| {name} | {few[name]:.1f} | {many[name]:.1f} | **{times:.1f}** | ≤ 3 |")


def _p95(wire: Wire, experiment: str, name: str) -> float:
    """Return the milliseconds that 95 % of the requests need at most."""
    body = orjson.dumps(
        {"experiment_ids": [experiment], "max_results": 100, **QUESTIONS[name]}
    )
    taken = []
    for _ in range(ASKED):
        start = time.perf_counter()
        wire.raw("POST", f"{API}runs/search", body)
        taken.append(1000 * (time.perf_counter() - start))
    return quantiles(taken, n=20)[-1]


def _multiply(path: Path, experiment: int) -> None:
    """Copy the experiment's runs until there are COPIES of each."""
    own = f"(SELECT id FROM lifecycle_run WHERE experiment_id = {experiment})"
    with sqlite3.connect(path, timeout=60) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TEMP TABLE own AS SELECT id FROM " + own)
        for copy in range(1, COPIES):
            shift = copy * 10_000_000
            db.execute(
                f"INSERT INTO lifecycle_run (id, uid, started_ms, {_COLUMNS['run']}) "
                f"SELECT id + {shift}, lower(hex(randomblob(16))), "
                f"started_ms + {copy * RUNS}, {_COLUMNS['run']} "
                "FROM lifecycle_run WHERE id IN own"
            )
            for table in ("param", "runtag", "latestmetric"):
                is_metric = table == "latestmetric"
                more = "value, " if is_metric else ""
                value = "abs(random() / 9223372036854775807.0), " if is_metric else ""
                db.execute(
                    f"INSERT INTO lifecycle_{table} (run_id, {more}{_COLUMNS[table]}) "
                    f"SELECT run_id + {shift}, {value}{_COLUMNS[table]} "
                    f"FROM lifecycle_{table} WHERE run_id IN own"
                )


if __name__ == "__main__":
    main()
