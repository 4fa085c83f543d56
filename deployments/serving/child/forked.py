"""Entry point of a process forked from the zygote.

A model that is code never comes to be in a process that shares memory with others:
the process is replaced by a fresh interpreter first.
"""

from functools import partial
from pathlib import Path
from typing import Any

from deployments.serving.child import (
    comparison,
    examine,
    interpreter,
    serve,
    uvicorn_server,
)
from deployments.serving.child.modelfile import StoredFile
from mlops.sandbox import isolation
from mlops.sandbox.rlimits import SandboxLimits, confine


def examine_model(job: dict[str, Any], descriptors: dict[str, int]) -> int:
    if interpreter.is_needed(job, descriptors):
        return interpreter.replace("examine", job, descriptors)
    # Only here, and while the process may still read its files.
    from deployments.serving.formats.onnx_audit import audit  # noqa: PLC0415

    source = StoredFile(job, descriptors, audit)
    limits = SandboxLimits(_to_load(job), cpu_s=job["cpu_s"], parent=job["parent"])
    return examine.run(source, partial(_shut_in, job, limits), job, descriptors)


def compare_readings(job: dict[str, Any], descriptors: dict[str, int]) -> int:
    if interpreter.is_needed(job, descriptors):
        return interpreter.replace("compare", job, descriptors)
    # As above.
    from deployments.serving.formats.onnx_audit import audit  # noqa: PLC0415

    limits = SandboxLimits(
        _to_load(job) + job["data_bytes"], cpu_s=job["cpu_s"], parent=job["parent"]
    )
    return comparison.run(job, descriptors, partial(_shut_in, job, limits), audit)


def serve_model(job: dict[str, Any], descriptors: dict[str, int]) -> int:
    if interpreter.is_needed(job, descriptors):
        return interpreter.replace("serve", job, descriptors)
    source = StoredFile(job, descriptors)
    shut_in = partial(_shut_in, job, SandboxLimits(_to_load(job)))
    return serve.run(source, shut_in, uvicorn_server.host, job, descriptors)


def _to_load(job: dict[str, Any]) -> int:
    """Return the memory for loading: weights in other files may be copied meanwhile.

    Where they lie is mapped by then, and counts for nothing.
    """
    memory_bytes: int = job["memory_bytes"] + job["data_bytes"]
    return memory_bytes


def _shut_in(job: dict[str, Any], limits: SandboxLimits) -> None:
    isolation.enter(isolation.SandboxRules(Path(job["empty"])))
    confine(limits)


RUNS = {"serve": serve_model, "examine": examine_model, "compare": compare_readings}
