"""What a backup of 200,000 runs costs, and the next one, and what writers notice.

python -m bench.backup

RUNS, POINTS (of each run) and FILES_MB say how much there is.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

from bench.store import kept_store

RUNS = int(os.environ.get("RUNS", "200000"))
POINTS = int(os.environ.get("POINTS", "25"))
FILES_MB = int(os.environ.get("FILES_MB", "1024"))
FILE_BYTES = 10 << 20
BATCH = 20_000
IDLE_S = 10.0


def main() -> None:
    """Print a Markdown table."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with kept_store(folder / "data"):
            _measure(folder)
    finally:
        shutil.rmtree(folder)


def _measure(folder: Path) -> None:
    experiment = _filled()
    _say(f"{RUNS:,} runs, {RUNS * POINTS:,} points, {FILES_MB:,} MiB of files.\n")
    _say("| what | time | memory | written | p95 of writes |")
    _say("|---|---|---|---|---|")
    with Writing(experiment) as writing:
        time.sleep(IDLE_S)
    _say(f"| no backup | | | | {writing.p95_ms:.1f} ms |")
    target, written = folder / "target", 0
    for name in ("first backup, under writes", "second backup, nothing else"):
        with Writing(experiment, pauses=name.startswith("second")) as writing:
            took, memory = _backup(folder / "data", target)
        size = sum(one.stat().st_size for one in target.rglob("*") if one.is_file())
        p95 = f"{writing.p95_ms:.1f} ms" if writing.times else ""
        _say(
            f"| {name} | {took:.0f} s | {memory / 2**20:.0f} MiB "
            f"| {(size - written) / 2**20:.1f} MiB | {p95} |"
        )
        written = size


def _backup(data: Path, target: Path) -> tuple[float, int]:
    """Take a backup; return its seconds, and the bytes that it held at most."""
    before = time.monotonic()
    command = [sys.executable, "manage.py", "backup", str(target)]
    environment = os.environ | {"MLOPS_DATA_DIR": str(data)}
    process = subprocess.Popen(  # noqa: S603 - ours
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    most = 0
    while process.poll() is None:
        most = max(most, _most_held(process.pid))
        time.sleep(0.1)
    if process.returncode:
        raise RuntimeError("the backup failed")
    return time.monotonic() - before, most


def _most_held(pid: int) -> int:
    """Return the bytes of memory that a process has held at most."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(found[0]) * 1024 if found else 0


class Writing:
    """Logs a metric of a run again and again, and times each."""

    def __init__(self, experiment: Any, *, pauses: bool = False) -> None:
        self.times: list[float] = []
        self._experiment, self._pauses = experiment, pauses
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> "Writing":
        if not self._pauses:
            self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopping.set()
        if not self._pauses:
            self._thread.join()

    @property
    def p95_ms(self) -> float:
        return statistics.quantiles(self.times, n=20)[-1] * 1000

    def _write(self) -> None:
        from django.db import connection  # noqa: PLC0415

        from lifecycle.models import Run  # noqa: PLC0415
        from lifecycle.models.metric import NewPoint  # noqa: PLC0415

        run = Run.start(self._experiment, by=None)
        for step in count():
            if self._stopping.wait(0.02):
                break
            before = time.perf_counter()
            run.log(metrics=[NewPoint("loss", 1.0, step)])
            self.times.append(time.perf_counter() - before)
        connection.close()


def _filled() -> Any:
    from lifecycle import artifacts  # noqa: PLC0415
    from lifecycle.models import Experiment, Run  # noqa: PLC0415
    from lifecycle.models.metric import NewPoint  # noqa: PLC0415

    experiment = Experiment.create("bench", by=None)
    first = Run.start(experiment, by=None)
    first.log(metrics=[NewPoint("loss", 0.5)])
    for number in range(FILES_MB * 2**20 // FILE_BYTES):
        artifacts.save(first, f"{number}.bin", [os.urandom(FILE_BYTES)], by=None)
    for begin in range(0, RUNS, BATCH):
        _runs(experiment, begin, min(BATCH, RUNS - begin))
    return experiment


def _runs(experiment: Any, begin: int, number: int) -> None:
    from lifecycle.models import Key, MetricPoint, Run  # noqa: PLC0415

    key = Key.objects.get(name="loss")
    runs = Run.objects.bulk_create(
        [
            Run(experiment=experiment, uid=f"{begin + n:032x}", started_ms=begin + n)
            for n in range(number)
        ]
    )
    MetricPoint.objects.bulk_create(
        (
            MetricPoint(
                run=run, key=key, step=step, timestamp_ms=step, value=1 / (step + 1)
            )
            for run in runs
            for step in range(POINTS)
        ),
        batch_size=5000,
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
