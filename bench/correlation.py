"""Correlation with pairwise deletion, beside pandas, polars, SQL and the floor.

RIVALS_PYTHON names an interpreter that has bench/requirements.txt; BENCH_DATA a
folder that keeps the tables (2.8 GB) for the next run.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.analytics import tables
from bench.analytics.measuring import Cost, free_blas, table
from bench.printing import say

RIVALS = {
    "pandas": "pandas, read and .corr()",
    "pandas_corr_only": "pandas, .corr() of a frame in memory",
    "polars": "polars, pl.corr per pair, lazy",
    "polars_frame": "polars, df.corr()",
    "sql": "DuckDB, corr() per pair in one SELECT",
}
FLOOR = ("export", "gemm")
WIDE = tables.Shape(50, 2_000, has_nulls=False)
ROUNDS = 3
HEAD = ("method", "wall s", "CPU s", "peak MiB", "ours is faster", "largest error")

# What it cost, and the matrix where the method makes one.
Found = tuple[Cost, np.ndarray | None]


def main() -> None:
    free_blas()  # before the children load numpy; this process multiplies nothing
    with data_folder() as folder:
        for shape in tables.SHAPES:
            say(f"### {shape}\n\n{compared(folder, shape)}")
        say(f"### {WIDE}\n\n{wide(folder)}")


def compared(folder: Path, shape: tables.Shape) -> str:
    """Return how all methods did on one table, and how far each is off."""
    path = tables.parquet(folder, shape)
    truth = _reference(path)
    costs = _taking_turns(("ours", *FLOOR, *RIVALS), path)
    ours = _known(costs["ours"])[0]
    rows = [_row("ours", costs["ours"], ours, truth)]
    rows += [_row(label, costs[name], ours, truth) for name, label in RIVALS.items()]
    export, gemm = (_known(costs[name])[0] for name in FLOOR)
    floor = Cost(export.wall_s + gemm.wall_s, export.cpu_s + gemm.cpu_s)
    label = f"floor: Arrow export {export.wall_s:.2f} + GEMM {gemm.wall_s:.2f}"
    rows.append(_row(label, (floor, None), ours, truth))
    return table(HEAD, rows) + (
        f"\nOurs takes {ours.wall_s / floor.wall_s:.2f} times the floor's wall clock"
        f" and {ours.cpu_s / floor.cpu_s:.2f} times its CPU time.\n"
    )


def wide(folder: Path) -> str:
    path = tables.parquet(folder, WIDE)
    truth = _reference(path)
    cost = _known(_measure("ours", path))
    return table(HEAD, [_row("ours", cost, cost[0], truth)])


def _row(
    label: str,
    found: Found | None,
    ours: Cost,
    truth: np.ndarray,
) -> list[str]:
    if found is None:
        return [label, "not installed", "", "", "", ""]
    cost, matrix = found
    figures = [f"{cost.wall_s:.2f}", f"{cost.cpu_s:.2f}", f"{cost.peak_mib:.0f}"]
    figures.append(f"{cost.wall_s / ours.wall_s:.1f} x")
    return [label, *figures, "" if matrix is None else _error(matrix, truth)]


def _error(matrix: np.ndarray, truth: np.ndarray) -> str:
    off = np.abs(matrix - truth)
    if lost := int(np.isnan(off).sum()):
        return f"{lost} NaN"
    return f"{off.max():.0e}"


def _known(
    found: Found | None,
) -> Found:
    if found is None:
        raise SystemExit("A method of our own could not run.")
    return found


def _taking_turns(names: Sequence[str], path: Path) -> dict[str, Found | None]:
    """Measure in rounds, so that a busy moment meets all of them; keep the best."""
    found: dict[str, Found | None] = {}
    for _ in range(ROUNDS):
        for name in names:
            now, before = _measure(name, path), found.get(name)
            if now and before:
                now = (_better(now[0], before[0]), now[1])
            found[name] = now
    return found


def _better(one: Cost, other: Cost) -> Cost:
    return Cost(
        min(one.wall_s, other.wall_s),
        min(one.cpu_s, other.cpu_s),
        max(one.peak_mib, other.peak_mib),
    )


def _reference(path: Path) -> np.ndarray:
    kept = path.parent / "reference.npy"
    if not kept.exists():
        _run("reference", path, kept)
    return np.load(kept)


def _measure(name: str, path: Path) -> Found | None:
    """Return cost and matrix, None where the rival is not installed."""
    with tempfile.TemporaryDirectory() as place:
        result = Path(place) / "matrix.npy"
        answer = _run(name, path, result)
        if answer is None:
            return None
        matrix = np.load(result) if result.exists() else None
        return Cost(**json.loads(answer)), matrix


def _run(name: str, path: Path, result: Path) -> bytes | None:
    is_rival = name.startswith(("pandas", "polars"))
    python = os.environ.get("RIVALS_PYTHON") if is_rival else None
    ended = subprocess.run(  # noqa: S603 - ours
        [python or sys.executable, "-m", "bench.analytics.methods", name, path, result],
        capture_output=True,
        check=False,
    )
    if ended.returncode and b"ModuleNotFoundError" not in ended.stderr:
        raise SystemExit(ended.stderr.decode())
    return None if ended.returncode else ended.stdout


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    """Give BENCH_DATA, which stays, or a folder that goes."""
    if kept := os.environ.get("BENCH_DATA"):
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


if __name__ == "__main__":
    main()
