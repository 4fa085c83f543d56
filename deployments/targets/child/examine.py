"""Looks into a model in a process that may die: load, signature, golden rows, speed."""

import logging
import statistics
import time
from typing import Any

from deployments.targets.base import Refused
from deployments.targets.child import modelfile, report
from deployments.targets.child.sandbox import Limits, confine
from deployments.targets.formats import Format, Loaded, golden, sniff
from deployments.targets.formats.base import made_up
from deployments.targets.oip.encode import signature
from deployments.targets.oip.errors import BadRequest, ModelFailed

logger = logging.getLogger(__name__)

PROBES, PROBE_S = 50, 0.5


def run(job: dict[str, Any], descriptors: dict[str, int]) -> int:
    """Report what was found or why it is refused; return the exit status."""
    modelfile.import_reader(descriptors["model"])
    from deployments.targets.formats.audit import audit  # noqa: PLC0415 - only here

    confine(Limits(job["memory_bytes"], cpu_s=job["cpu_s"]))
    try:
        content = modelfile.read(descriptors["model"], job["sha256"])
        if sniff(content) is Format.ONNX:
            audit(content)
        finding = _finding(modelfile.load_model(content, job), descriptors)
    except Refused as error:
        finding = {"refused": str(error)}
    except MemoryError:
        finding = {"refused": "Its memory limit is too small to load the model."}
    if "refused" in finding:
        logger.error("refused: %s", finding["refused"])
    report.send(descriptors["report"], finding)
    return 0


def _finding(model: Loaded, descriptors: dict[str, int]) -> dict[str, Any]:
    rows = 0
    if "golden" in descriptors:
        with open(descriptors["golden"], "rb") as file:  # noqa: PTH123 - a descriptor
            rows = golden.check(model, file.read())
    return {
        "platform": model.platform,
        "inputs": signature(model.inputs),
        "outputs": signature(model.outputs),
        "latency_p50_ms": _latency_ms(model),
        "golden_rows": rows,
        "feature_names": list(model.feature_names),
    }


def _latency_ms(model: Loaded) -> float | None:
    """Return the p50 of a made-up row, None if the model does not take one."""
    row = made_up(model.inputs)
    times: list[float] = []
    deadline = time.perf_counter() + PROBE_S
    while len(times) < PROBES and time.perf_counter() < deadline:
        start = time.perf_counter()
        try:
            model.predict(row, ())
        except (BadRequest, ModelFailed) as error:
            logger.info("no latency probe: %s", error)
            return None
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)
