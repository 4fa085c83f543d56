"""Enters the sandbox, and only then imports what answers SQL; run by path.

    python …/bootstrap.py    (an order as one JSON line on stdin)

The sandbox holds for threads that start after it, and libraries start threads: only
the standard library is imported here before they stand.
"""

import importlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
from mlops import lazy_import, memory
from mlops.sandbox import isolation, rlimits

PROGRAM = "datasets.analytics.console.child"
BEFORE = (lazy_import, memory)
"""What the program imports of ours that the sandbox does not show."""
LIBRARIES = ("numpy", "pyarrow", "pyarrow.compute", "pyarrow.parquet", "pyarrow.ipc")
"""What the program imports when it first uses it, which may be too late here."""
UNSAFE = "This machine cannot shut in what would run the SQL."


def main() -> None:
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    tables = {name: f"/proc/self/fd/{n:d}" for name, n in order["tables"].items()}
    program = next(iter(datasets.__path__))
    shown = (Path(program), *map(Path, tables.values()), *memory_limits())
    is_alone = len(list(Path("/proc/self/task").iterdir())) == 1
    lacking = isolation.enter(isolation.SandboxRules(Path("/"), shown=shown))
    if lacking or not is_alone:
        report = {
            "class": "SqlUnavailable",
            "code": "sql_unavailable",
            "message": UNSAFE,
        }
        _report(order["report"], {"refused": report})
        return
    # As long as its own user still may: what others may not read is imported now.
    child = importlib.import_module(PROGRAM)
    for library in LIBRARIES:
        importlib.import_module(library)
    limits = order["limits"]
    rlimits.confine(
        rlimits.SandboxLimits(
            limits["memory_bytes"], cpu_s=limits["cpu_s"], parent=order["parent"]
        )
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # pipes are no files to it
    _report(order["report"], child.answer(order, tables))


def memory_limits() -> Iterator[Path]:
    """Yield the cgroup files with the memory limit of this process.

    DuckDB does not start if such a file exists and cannot be read.
    """
    groups = Path("/sys/fs/cgroup")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        inside = line.split(":", 2)[2].lstrip("/")
        yield groups / "memory" / inside / "memory.limit_in_bytes"
        yield groups / inside / "memory.max"


def _report(number: int, report: dict[str, Any]) -> None:
    sys.stdout.buffer.flush()
    with os.fdopen(number, "wb") as pipe:
        pipe.write(json.dumps(report).encode())


if __name__ == "__main__":
    main()
    # No thread of DuckDB and no destructor holds the end up.
    os._exit(0)
