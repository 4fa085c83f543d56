"""Looks into a model in a process that may die: load, signature, golden rows, speed."""

import hashlib
import importlib
import logging
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from deployments.serving import readings
from deployments.serving.child import modelfile, report
from deployments.serving.child.loading_errors import finding_of
from deployments.serving.formats import (
    Loaded,
    LoadOptions,
    ModelFormat,
    example,
    golden,
    reader,
)
from deployments.serving.formats.base import synthetic_inputs
from deployments.serving.formats.first.columns import ColumnModel
from deployments.serving.formats.library import LibraryModel
from deployments.serving.oip.errors import BadRequest, ModelFailed
from deployments.serving.oip.metadata import signature
from deployments.serving.terms import TargetRefused

logger = logging.getLogger(__name__)

PROBES, PROBE_S = 50, 0.5
CONVERTED = {ModelFormat.SKOPS, ModelFormat.PICKLE}
FIRST_CONVERTER = "deployments.serving.formats.first.conversion"
CONVERTER = "deployments.serving.formats.conversion"


def run(
    source: modelfile.ModelSource,
    shut_in: Callable[[], object],
    job: dict[str, Any],
    descriptors: dict[str, int],
) -> int:
    """Report what was found or why it is refused; return the exit status.

    `shut_in` takes the process's rights before the model is looked at.
    """
    try:
        source.warm_up()
        converter = imported_converter(job, descriptors) if job["converts"] else None
        shut_in()
        model = source.load()
        finding = _finding(model, descriptors)
        if job["converts"]:
            finding |= _conversion(model, converter, job, descriptors)
    except Exception as error:
        if isinstance(error, MemoryError):
            logger.exception("out of memory at %s", _memory())
        elif not isinstance(error, TargetRefused):
            logger.exception("loading raised")
        finding = finding_of(error)
        for kind, message in finding.items():
            logger.error("%s: %s", kind, message)  # noqa: TRY400 - a sentence, no traceback
    report.send(descriptors["report"], finding)
    return 0


def _memory() -> str:
    """Return what is mapped of what may be, for the log."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0])
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return f"{mapped * resource.getpagesize() >> 20} of {most >> 20} MiB mapped"


def _finding(model: Loaded, descriptors: dict[str, int]) -> dict[str, Any]:
    rows = _check_golden(model, descriptors)
    notes = list(getattr(model, "notes", ()))
    try:
        _check_example(model, descriptors)
    except example.OtherForm as other:
        notes.append(str(other))
    return {
        "platform": model.platform,
        "inputs": signature(model.inputs),
        "outputs": signature(model.outputs),
        "latency_p50_ms": _latency_ms(model),
        "golden_rows": rows,
        "feature_names": list(model.feature_names),
        "notes": list(dict.fromkeys(notes)),
    }


def _check_example(model: Loaded, descriptors: dict[str, int]) -> example.Feeds | None:
    """Return the example that was logged with the model, if there is one.

    Raises TargetRefused when the model does not take it. The first rules ran none.
    """
    if "example" not in descriptors:
        return None
    return example.check(model, modelfile.whole(descriptors["example"]))


def _check_golden(model: Loaded, descriptors: dict[str, int]) -> int:
    """Return how many stored answers were reproduced. Raises TargetRefused."""
    if "golden" not in descriptors:
        return 0
    with os.fdopen(os.dup(descriptors["golden"]), "rb") as file:
        file.seek(0)
        return golden.check(model, file.read())


def imported_converter(
    job: dict[str, Any], descriptors: dict[str, int]
) -> ModuleType | None:
    """Import what converts while the process may still read its files.

    None where there is nothing to convert, or nothing to do it with.
    """
    descriptor = descriptors.get("model")
    if descriptor is None or modelfile.format_of(descriptor) not in CONVERTED:
        return None
    try:
        is_first = job["reading"] == readings.FIRST
        return importlib.import_module(FIRST_CONVERTER if is_first else CONVERTER)
    except ModuleNotFoundError as missing:
        logger.warning("no conversion: %s", missing)
        return None


def _conversion(
    model: Loaded,
    converter: ModuleType | None,
    job: dict[str, Any],
    descriptors: dict[str, int],
) -> dict[str, Any]:
    """Write the model as ONNX if that can be done; say what became of it."""
    if converter is None or not isinstance(model, (ColumnModel, LibraryModel)):
        return {}
    try:
        options = modelfile.options_of(job, descriptors)
        content = _converted(model, converter, options, descriptors)
        _check_golden(
            reader(ModelFormat.ONNX, options.reading).read(content, options),
            descriptors,
        )
    except TargetRefused as error:
        return {"conversion": f"not converted to ONNX ({error})"}
    except MemoryError:
        return {"conversion": "not converted to ONNX (too little memory)"}
    try:
        with os.fdopen(os.dup(descriptors["converted"]), "wb") as file:
            file.write(content)
    except OSError as error:
        return {"conversion": f"not converted to ONNX ({error.strerror})"}
    digest = hashlib.sha256(content).hexdigest()
    return {"conversion": "converted to ONNX", "converted_sha256": digest}


def _converted(
    model: ColumnModel | LibraryModel,
    converter: ModuleType,
    options: LoadOptions,
    descriptors: dict[str, int],
) -> bytes:
    if isinstance(model, ColumnModel):
        content: bytes = converter.convert(model, options)
    else:
        content = converter.convert(model, options, _check_example(model, descriptors))
    return content


def _latency_ms(model: Loaded) -> float | None:
    """Return the p50 of a made-up row, None if the model does not take one."""
    row = synthetic_inputs(model.inputs)
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
