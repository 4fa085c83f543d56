"""Wall clock, CPU time and memory of what runs in this process or in others."""

import gc
import os
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
PINNED_BLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


@dataclass(frozen=True, slots=True)
class Cost:
    """The best of some rounds: seconds of wall clock and of CPU, MiB of growth."""

    wall_s: float
    cpu_s: float
    peak_mib: float = 0.0


def best(
    run: Callable[[], object], *, least: int = 2, most: int = 5, enough_s: float = 4.0
) -> Cost:
    """Run until `enough_s` have passed; the least wall clock and CPU time count."""
    walls: list[float] = []
    cpus: list[float] = []
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    before = rss_mib()
    while len(walls) < least or (len(walls) < most and sum(walls) < enough_s):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    return Cost(min(walls), min(cpus), peak_mib() - before)


def rss_mib(pid: int | str = "self") -> float:
    return _status(pid, "VmRSS")


def peak_mib(pid: int | str = "self") -> float:
    return _status(pid, "VmHWM")


def _status(pid: int | str, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children_cpu_s() -> float:
    """Return the CPU time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def free_blas() -> None:
    """Let BLAS look at the CPU itself, here and in children started from now on."""
    for name in PINNED_BLAS:
        os.environ.pop(name, None)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table: the first column is text, the others are figures."""
    names = list(head)
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"
