"""Entry point of a fresh, sandboxed interpreter: validates or serves a code model."""

import logging
import os
from functools import partial
from pathlib import Path
from typing import Any

from deployments.serving.child import (
    comparison,
    examine,
    sandbox_dir,
    serve,
    stdlib_server,
)
from deployments.serving.child.modelfile import ModelSource, StoredFile
from deployments.serving.formats.pyfunc import LoadedPyfunc
from mlops.sandbox import readable
from mlops.sandbox.rlimits import SandboxLimits, confine

logger = logging.getLogger(__name__)


def run(kind: str, job: dict[str, Any], descriptors: dict[str, int]) -> int:
    root = Path(job["sandbox_dir"])
    limits = SandboxLimits(
        job["memory_bytes"],
        cpu_s=job.get("cpu_s", 0),
        parent=0 if kind == "serve" else job["parent"],
        user=sandbox_dir.user_of(root),
    )
    shut_in = partial(_shut_in, limits)
    if kind == "compare":
        return comparison.run(job, descriptors, shut_in)
    source = _source(job, descriptors)
    if kind == "examine":
        return examine.run(source, shut_in, job, descriptors)
    return serve.run(source, shut_in, stdlib_server.host, job, descriptors)


def _shut_in(limits: SandboxLimits) -> None:
    confine(limits)
    for folder in readable.installed():
        if not os.access(folder, os.R_OK | os.X_OK):
            logger.warning("the model cannot read %s: it is closed to others", folder)


def _source(job: dict[str, Any], descriptors: dict[str, int]) -> ModelSource:
    if "pyfunc" in job:
        return LoadedPyfunc(Path(job["sandbox_dir"]) / "model", job)
    return StoredFile(job, descriptors)
