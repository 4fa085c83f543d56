"""What a fresh interpreter does: examine or serve a model that is code."""

import os
import sys
from pathlib import Path
from typing import Any

from deployments.serving.child import examine, plain, records, room, serve
from deployments.serving.child.modelfile import Source, StoredFile
from deployments.serving.child.sandbox import Limits
from deployments.serving.formats.pyfunc import PyfuncFolder


def run(kind: str, job: dict[str, Any], descriptors: dict[str, int]) -> int:
    records.log_to_stderr()
    place = Path(job["room"])
    limits = Limits(
        job["memory_bytes"],
        cpu_s=job.get("cpu_s", 0),
        passing=kind == "examine",
        user=room.user_of(place),
        reads=(*_installed(), place),
        writes=(place,),
    )
    source = _source(job, descriptors)
    if kind == "examine":
        return examine.run(source, limits, job, descriptors)
    return serve.run(source, limits, plain.host, job, descriptors)


def _source(job: dict[str, Any], descriptors: dict[str, int]) -> Source:
    if "pyfunc" in job:
        return PyfuncFolder(Path(job["room"]) / "model", job)
    return StoredFile(job, descriptors["model"])


def _installed() -> list[Path]:
    """Return the folders that modules are imported from, under all their names."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    places = [sys.prefix, sys.base_prefix, *sys.path, *libraries]
    folders = {Path(os.path.abspath(place)) for place in places if place}  # noqa: PTH100 - links stay
    return sorted(
        one for each in folders for one in {each, each.resolve()} if one.is_dir()
    )
