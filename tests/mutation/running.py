"""Starts the tests of an area: as a session that forks, or with one mutant imported."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.mutation.areas import BASE, Area

HERE = Path(__file__).parent
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
OURS = ("-p", "no:randomly", "--reuse-db")
FRESH_S = 600
FORGOTTEN = ("COVERAGE", "DJANGO", "PYTEST", "MUTANT")
"""What a pytest that asks for this would hand on."""
PASSED = 0


def session(area: Area, job: Path) -> "subprocess.Popen[bytes]":
    """Start a session for a job, in a folder of its own and with a log beside it."""
    command = [
        *PYTEST,
        *(OURS if area.base == BASE else ()),
        "-p",
        "tests.mutation.session",
        *area.tests,
    ]
    own = job.with_suffix("")
    own.mkdir()
    _give_database(area, own)
    with job.with_suffix(".log").open("w") as log:
        return subprocess.Popen(
            command,
            cwd=area.base,
            env=_environment(own, MUTANTS=str(job)),
            stdout=log,
            stderr=log,
        )


def afresh(area: Area, trial: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Run a trial's tests in a process that imports the mutant; return the new result.

    Each process that it starts, and that keeps its environment, imports it as well.
    """
    own = folder / "fresh"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    _give_database(area, own)
    named = folder / "tests"
    named.write_text("\n".join(trial["tests"]))
    process = subprocess.Popen(
        [*PYTEST, *(OURS if area.base == BASE else ()), "-x", f"@{named}"],
        cwd=area.base,
        env=_environment(own, MUTANT=f"{area.base / trial['path']}:{trial['number']}"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(FRESH_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return {"result": "time", "by": "afresh"}
    return {"result": "survived" if code == PASSED else "killed", "by": "afresh"}


def _give_database(area: Area, folder: Path) -> None:
    """Put a migrated database into a folder; the first call makes it, for all runs."""
    if area.base != BASE:
        return
    made = BASE / ".mutants" / "mlops.sqlite3"
    if not made.exists():
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"],
            cwd=BASE,
            env={**os.environ, "MLOPS_DATA_DIR": str(made.parent)},
            stderr=subprocess.DEVNULL,
            check=True,
        )
    shutil.copy(made, folder / "test.sqlite3")


def _environment(folder: Path, **more: str) -> dict[str, str]:
    paths = [str(HERE / "importing"), str(BASE)]
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(FORGOTTEN)},
        "MLOPS_TEST_DIR": str(folder),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }
