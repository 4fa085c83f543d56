"""A CSV of 850 MB into the catalogue, beside DuckDB's own COPY of the same file.

DuckDB's COPY reads the types from a sample and writes Parquet: no check of lines,
encodings and codes, no digest, sample or statistics. Ours does all of it, in a child
process with limits.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv

from bench.analytics.measuring import MIB, Cost, free_blas, table
from bench.correlation import data_folder
from bench.printing import say
from datasets.analytics import ingest

ROWS, BLOCK_ROWS = 9_000_000, 500_000
ROUNDS = 3
COPY = """
import sys, duckdb
con = duckdb.connect(config={"threads": 2, "memory_limit": "512MB"})
con.execute(f"COPY (SELECT * FROM read_csv('{sys.argv[1]}')) TO '{sys.argv[2]}'"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3,"
            " ROW_GROUP_SIZE 122880)")
"""
WIDE_ROWS, WIDE_COLUMNS = (50, 2_000), 2_000
KILLED_AT = (0.1, 0.3, 0.5, 0.7, 0.9)


def main() -> None:
    free_blas()
    with data_folder() as folder:
        path = csv_file(folder)
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            ours, found = speed(path, Path(place))
            say(found)
            say(guarantee(path, Path(place), ours))
            say(wide(Path(place)))
            say(kills(path, Path(place)))


def csv_file(folder: Path) -> Path:
    """Return ticks of 11 columns, 850 MB, made on first use."""
    target = folder / "ticks.csv"
    if target.exists():
        return target
    rng = np.random.default_rng(2)
    part = target.with_suffix(".part")
    symbols = np.array([f"S{index:04d}" for index in range(500)])
    with part.open("wb") as file:
        for start in range(0, ROWS, BLOCK_ROWS):
            block = _ticks(rng, symbols, start)
            pyarrow.csv.write_csv(
                block,
                file,
                pyarrow.csv.WriteOptions(
                    include_header=not start, quoting_style="none"
                ),
            )
    part.rename(target)
    return target


def _ticks(rng: np.random.Generator, symbols: np.ndarray, start: int) -> pa.Table:
    count = BLOCK_ROWS
    open_ = rng.uniform(10, 500, count).round(2)
    spread = rng.uniform(0, 5, (2, count)).round(2)
    seconds = start + np.arange(count)
    day = np.datetime64("2001-01-01T00:00:00") + seconds.astype("timedelta64[s]")
    gaps = rng.random(count) < 0.03  # noqa: PLR2004 - the share without a return
    return pa.table(
        {
            "id": seconds,
            "at": pa.array(day),
            "symbol": symbols[rng.integers(0, len(symbols), count)],
            "open": open_,
            "high": (open_ + spread[0]).round(2),
            "low": (open_ - spread[1]).round(2),
            "close": (open_ + spread[0] / 2).round(3),
            "volume": rng.integers(0, 1_000_000, count),
            "ret": pa.array(rng.standard_normal(count).round(6), mask=gaps),
            "score": rng.standard_normal(count).round(8),
            "is_open": rng.random(count) < 0.5,  # noqa: PLR2004 - half of them
        }
    )


def speed(path: Path, place: Path) -> tuple[float, str]:
    """Return ours beside COPY, taking turns, the best of some rounds each.

    First how many seconds of CPU ours took.
    """
    ways = {
        "DuckDB's COPY, 512 MB": lambda: _copy(path, place / "copy.parquet"),
        "ours": lambda: _ours(path, place / "ours"),
    }
    found: dict[str, list[Cost]] = {label: [] for label in ways}
    for _ in range(ROUNDS):
        for label, way in ways.items():
            found[label].append(way())
    size = path.stat().st_size / MIB
    rows = []
    for label, costs in found.items():
        wall, cpu = min(c.wall_s for c in costs), min(c.cpu_s for c in costs)
        peak = max(c.peak_mib for c in costs)
        rows.append(
            (label, f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.0f}", f"{size / wall:.0f}")
        )
    theirs, ours = found.values()
    each = [a.wall_s / b.wall_s for a, b in zip(theirs, ours, strict=True)]
    ratio = min(c.wall_s for c in theirs) / min(c.wall_s for c in ours)
    cpu = min(c.cpu_s for c in theirs) / min(c.cpu_s for c in ours)
    head = (f"{size:.0f} MiB of CSV", "wall s", "CPU s", "peak PSS MiB", "MiB/s")
    return min(c.cpu_s for c in ours), table(head, rows) + (
        f"\nOurs has {ratio:.0%} of COPY's speed (best of {ROUNDS} rounds; median of"
        f" the rounds {statistics.median(each):.0%}), by CPU time {cpu:.0%}.\n"
    )


def guarantee(path: Path, place: Path, ours_s: float) -> str:
    """Return what the proof of every cell and the digest cost, of all CPU seconds."""
    program = [sys.executable, "-m", "bench.analytics.guarding"]
    target = str(place / "guarded.parquet")
    steps = {
        "casts": [*program, "casts", str(path), target],
        "guards": [*program, "guards", str(path), target],
        "blocks": [*program, "blocks", target],
        "digest": [*program, "digest", target],
    }
    found: dict[str, list[float]] = {step: [] for step in steps}
    for _ in range(ROUNDS):
        for step, command in steps.items():
            found[step].append(_measured(command).cpu_s)
    least = {step: min(costs) for step, costs in found.items()}
    proof = least["guards"] - least["casts"]
    digest = least["digest"] - least["blocks"]
    return (
        f"Of {ours_s:.1f} s of CPU the guarantee takes {proof + digest:.1f} s"
        f" ({(proof + digest) / ours_s:.0%}): {proof:.1f} s to prove every cell (text"
        f" to Parquet takes {least['casts']:.1f} s by casts that may change cells,"
        f" {least['guards']:.1f} s by guards), {digest:.1f} s to hash what they say.\n"
    )


def wide(place: Path) -> str:
    """Return what tables of 2,000 columns cost from the file to their statistics."""
    rng = np.random.default_rng(3)
    rows = []
    for height in WIDE_ROWS:
        path = place / f"wide_{height}.csv"
        values = rng.standard_normal((height, WIDE_COLUMNS))
        names = ",".join(f"x{index}" for index in range(WIDE_COLUMNS))
        np.savetxt(path, values, "%.15f", ",", header=names, comments="")
        size = path.stat().st_size / MIB
        costs = [_ours(path, place / "wide") for _ in range(ROUNDS)]
        figures = (
            f"{size:.1f}",
            f"{min(cost.wall_s for cost in costs):.1f}",
            f"{min(cost.cpu_s for cost in costs):.1f}",
            f"{max(cost.peak_mib for cost in costs):.0f}",
        )
        rows.append((f"{height} x {WIDE_COLUMNS}", *figures))
    return table(("wide table", "MiB", "wall s", "CPU s", "peak PSS MiB"), rows)


def kills(path: Path, place: Path) -> str:
    """Return what is left of conversions that were killed, and of the last one."""
    files = [ingest.InputFile(path, "ticks.csv")]
    folder = place / "killed"
    start = time.monotonic()
    whole = ingest.convert(files, folder)
    took_s = time.monotonic() - start
    expected = _rows_hash(folder)
    left = []
    for share in KILLED_AT:
        child = ingest.start(files, folder)
        time.sleep(took_s * share)
        stage = child.progress().stage
        child.kill()
        left.append(f"{share:.0%} ({stage}): {len(list(place.glob('killed*')))} left")
    again = ingest.convert(files, folder)
    same = "equal" if _rows_hash(folder) == expected else "NOT equal"
    names = ", ".join(sorted(entry.name for entry in folder.iterdir()))
    return (
        f"Killed at {'; '.join(left)}. Started once more: {again.row_count:,} rows,"
        f" {same} to the {whole.row_count:,} rows of an undisturbed run; the folder"
        f" holds {names}.\n"
    )


def _rows_hash(folder: Path) -> tuple[object, ...]:
    """Return a fingerprint of all rows and their order."""
    query = (
        "SELECT count(*), bit_xor(hash(t, file_row_number))"
        " FROM read_parquet($1, file_row_number=true) t"
    )
    path = str(folder / "data.parquet")
    return duckdb.connect().execute(query, [path]).fetchall()[0]


def _copy(path: Path, target: Path) -> Cost:
    return _measured([sys.executable, "-c", COPY, str(path), str(target)])


def _ours(path: Path, folder: Path) -> Cost:
    """Run parent and child apart from this process, so that both are counted."""
    shutil.rmtree(folder, ignore_errors=True)
    order = json.dumps({"path": str(path), "folder": str(folder)})
    return _measured([sys.executable, "-m", "bench.analytics.converting", order])


def _measured(command: list[str]) -> Cost:
    """Return the cost of a program and its children; the peak is of all at once."""
    before = os.times()
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as started:  # noqa: S603
        peak = _Peak(psutil.Process(started.pid))
        if started.wait():
            raise SystemExit(f"{command[:3]} failed")
        wall = time.perf_counter() - start
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Cost(wall, cpu, peak.stop())


def _pss_bytes(pid: int) -> int:
    rolled_up = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss: +(\d+) kB", rolled_up, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


class _Peak:
    """Looks at the memory of a family of processes twenty times a second.

    Pages that several of them share count once (PSS).
    """

    def __init__(self, root: psutil.Process) -> None:
        self._root, self._most, self._done = root, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        self._done.set()
        self._thread.join()
        return self._most / MIB

    def _look(self) -> None:
        while not self._done.wait(0.05):
            try:
                family = [self._root, *self._root.children(recursive=True)]
                now = sum(_pss_bytes(one.pid) for one in family)
            except (psutil.NoSuchProcess, OSError):
                continue
            self._most = max(self._most, now)


if __name__ == "__main__":
    main()
