"""Replaces a process by a fresh interpreter for a model that is code.

What it gets: the model, its socket, a pipe to report through and the log, all as
descriptors; a sandbox directory of its own; an environment without anything of ours.
Nothing of this process's memory goes along.
"""

import fcntl
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from deployments.serving.child import report, sandbox_dir
from deployments.serving.child.loading_errors import PASSING
from deployments.serving.child.modelfile import format_of
from deployments.serving.code import FOLDER, require_code_allowed
from deployments.serving.formats import ModelFormat
from deployments.serving.terms import TargetRefused

SCRIPT = Path(__file__).with_name("fresh.py")
KEPT = (
    *("report", "listener", "model", "manifest", "golden", "example", "converted"),
    *("model_before", "manifest_before"),
)
FIRST, ASIDE, MOST = 3, 64, 4096
# -I: no variables, user folders or current folder; -B: no bytecode; -u: logs at once.
FLAGS = "-IBu"
QUIET = {
    "LOGNAME": "model",
    "USER": "model",
    "GIT_PYTHON_REFRESH": "quiet",
}


def is_needed(job: dict[str, Any], descriptors: dict[str, int]) -> bool:
    """Whether loading the model runs its code."""
    if "folder" in descriptors:
        return True
    return job["allows_code"] and format_of(descriptors["model"]) is ModelFormat.PICKLE


def replace(run: str, job: dict[str, Any], descriptors: dict[str, int]) -> int:
    """Become an interpreter that does `run`.

    Comes back, with an exit status, only where that cannot be, having reported why.
    """
    report_to = descriptors["report"]
    try:
        files, job = _folder_of(job, descriptors)
        sandbox_dir.make(Path(job["sandbox_dir"]), files)
        kept = {name: descriptors[name] for name in KEPT if name in descriptors}
        numbers = {name: number for number, name in enumerate(kept, FIRST + 1)}
        message = json.dumps({"run": run, "job": job, "descriptors": numbers})
        _lay_out([_memory(message.encode()), *kept.values()])
        report_to = numbers["report"]
        _execute(job)
    except TargetRefused as refused:
        report.send(report_to, {"refused": str(refused)})
    except OSError as error:
        kind = "transient" if error.errno in PASSING else "refused"
        message = (
            f"no sandbox directory can be made for the model: {error.strerror or error}"
        )
        report.send(report_to, {kind: message})
    return os.EX_UNAVAILABLE


def _folder_of(
    job: dict[str, Any], descriptors: dict[str, int]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the files to copy, and the job with what the MLmodel says."""
    if "folder" not in descriptors:
        return [], job
    require_code_allowed(FOLDER, job["allows_code"], job["environment"])
    content = json.loads(_content(descriptors["folder"]))
    return content["files"], {**job, "pyfunc": content["pyfunc"]}


def _execute(job: dict[str, Any]) -> NoReturn:
    program = job["interpreter"] or sys.executable
    arguments = [program, FLAGS, os.fspath(SCRIPT), str(FIRST)]
    try:
        os.execve(program, arguments, _environment(job))  # noqa: S606 - an admin's, or ours
    except OSError as error:
        raise TargetRefused(
            f"The interpreter {program} cannot be started: {error.strerror}."
        ) from None


def _lay_out(wanted: list[int]) -> None:
    """Give the descriptors the numbers from FIRST on, and close all others."""
    aside = [fcntl.fcntl(one, fcntl.F_DUPFD, ASIDE) for one in wanted]
    for number, descriptor in enumerate(aside, FIRST):
        os.dup2(descriptor, number, inheritable=True)
    os.closerange(FIRST + len(wanted), MOST)


def _memory(content: bytes) -> int:
    """Return a file that lies in memory alone, at its beginning."""
    descriptor = os.memfd_create("job")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _environment(job: dict[str, Any]) -> dict[str, str]:
    """Return the zygote's variables, which hold nothing of ours, and its own."""
    threads = str(max(1, int(job["cpus"])))
    own = {"HOME": job["sandbox_dir"], "TMPDIR": job["sandbox_dir"]}
    counts = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    return {**os.environ, **QUIET, **own, **counts}
