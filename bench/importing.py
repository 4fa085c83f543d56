"""A store of MLflow with 10,000 runs and 1,000,000 points, imported, and once again."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from bench.analytics.measuring import table

ROOT = Path(__file__).parents[1]
RUNS, KEYS, STEPS, BATCH = 10_000, 10, 10, 500
T0 = 1_600_000_000_000
KIB = 1024
# The tables that each release since 2.0 has, as MLflow's own migrations leave them.
TABLES = """
    CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256),
        artifact_location VARCHAR(256), lifecycle_stage VARCHAR(32),
        creation_time BIGINT, last_update_time BIGINT);
    CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250),
        user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT, end_time BIGINT,
        lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER,
        deleted_time BIGINT);
    CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT,
        run_uuid VARCHAR(32), step BIGINT DEFAULT 0, is_nan BOOLEAN DEFAULT 0,
        PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
    CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
    CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32),
        PRIMARY KEY (key, run_uuid));
    CREATE INDEX index_params_run_uuid ON params (run_uuid);
    CREATE TABLE tags (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32),
        PRIMARY KEY (key, run_uuid));
    CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        store = Path(folder, "mlflow.db")
        fill(store)
        manage(folder, "migrate", "-v0")
        rows = []
        for label, options in (
            ("dry run", ["--dry-run"]),
            ("import", []),
            ("again, nothing new", []),
        ):
            wall, cpu, peak = measured(folder, store, options)
            row = (
                label,
                f"{wall:.1f}",
                f"{cpu:.1f}",
                f"{RUNS * KEYS * STEPS / cpu:,.0f}",
            )
            rows.append((*row, f"{peak:.0f}"))
        head = (f"{RUNS:,} runs, {RUNS * KEYS * STEPS:,} points", "wall s", "CPU s")
        print(table((*head, "points per CPU s", "peak MiB"), rows))  # noqa: T201


def fill(store: Path, count: int = RUNS) -> None:
    """Make a store of so many runs, each with 100 points."""
    with closing(sqlite3.connect(store)) as base, base:
        base.executescript(TABLES)
        base.executemany(
            "INSERT INTO experiments VALUES (?, ?, 's3://bucket', 'active', ?, ?)",
            [(number, f"study {number}", T0, T0) for number in range(20)],
        )
        for start in range(0, count, BATCH):
            runs = [
                (number, f"{number:032x}") for number in range(start, start + BATCH)
            ]
            base.executemany(
                "INSERT INTO runs VALUES (?, ?, 'ada', 'FINISHED', ?, ?, 'active',"
                " ?, ?, NULL)",
                [
                    (uid, f"run {n}", T0 + n, T0 + n + 9, f"s3://bucket/{uid}", n % 20)
                    for n, uid in runs
                ],
            )
            for _, uid in runs:
                base.executemany(
                    "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 0)", points(uid)
                )
                pairs = [(f"p{number}", str(number), uid) for number in range(10)]
                base.executemany("INSERT INTO params VALUES (?, ?, ?)", pairs)
                base.executemany("INSERT INTO tags VALUES (?, ?, ?)", pairs[:5])


def points(uid: str) -> Iterator[tuple[str, float, int, str, int]]:
    for key in range(KEYS):
        for step in range(STEPS):
            yield f"metric {key}", 1 / (step + key + 1), T0 + step, uid, step


def measured(
    folder: str, store: Path, options: list[str]
) -> tuple[float, float, float]:
    """Return seconds, seconds of CPU, and the most memory so far in MiB."""
    before, start = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    manage(folder, "import_mlflow", f"sqlite:///{store}", *options, "-v0")
    after, wall = getrusage(RUSAGE_CHILDREN), time.perf_counter() - start
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / KIB


def manage(folder: str, *words: str) -> None:
    subprocess.run(  # noqa: S603 - ours
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, "MLOPS_DATA_DIR": folder},
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
