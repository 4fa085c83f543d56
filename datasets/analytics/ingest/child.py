"""The program that reads what a user sent. It runs alone, limited, without secrets.

    python -m datasets.analytics.ingest.child    (an order as one JSON line on stdin)

It ends with its parent: the pipe on stdin closes when that is gone.
"""

import contextlib
import logging
import os
import resource
import shutil
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from datasets.analytics.database import TEMP_FOLDER
from datasets.analytics.errors import AnalyticsError, IngestRefused
from datasets.analytics.ingest.model import Base, InputFile, Limits, Options, Outcome
from datasets.analytics.ingest.parent import (
    DISK_FULL,
    OUTCOME_FILE,
    TOO_HEAVY,
    TOO_LONG,
)

ORPHANED = 75
CPU_SPARE_S = 5
_MIN_FREE_BYTES = 1 << 20


def main() -> None:
    logging.basicConfig(level=logging.INFO)  # stderr is the parent's log file
    order = orjson.loads(sys.stdin.buffer.readline())
    limits = Limits(**order["limits"])
    _limit(limits)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    folder = Path(order["folder"])
    try:
        answer = {"outcome": asdict(_convert(order, folder, limits))}
    except IngestRefused as refusal:
        answer = _refused(
            refusal.code, refusal.message, field=refusal.field, **refusal.extra
        )
        answer = _disk_full(folder) or answer
    except AnalyticsError as error:
        answer = _refused(*_REFUSALS.get(error.code, _UNREADABLE))
        answer = _disk_full(folder) or answer
    except MemoryError:
        answer = _refused(*_REFUSALS["too_large_for_interactive"])
    finally:
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        shutil.rmtree(folder / TEMP_FOLDER, ignore_errors=True)
    part = folder / f"{OUTCOME_FILE}.part"
    part.write_bytes(orjson.dumps(answer))
    part.rename(folder / OUTCOME_FILE)


_UNREADABLE = ("invalid_file", "The file cannot be read as what it seems to be.")
_REFUSALS = {
    "query_timeout": ("timeout", TOO_LONG),
    "too_large_for_interactive": ("too_heavy", TOO_HEAVY),
}


def _disk_full(folder: Path) -> dict[str, Any] | None:
    """Return the refusal of a full disk, which explains all other errors."""
    is_full = shutil.disk_usage(folder).free < _MIN_FREE_BYTES
    return _refused("no_room", DISK_FULL) if is_full else None


def _refused(
    code: str, message: str, *, field: str = "file", **extra: object
) -> dict[str, Any]:
    about = {"code": code, "message": message, "field": field}
    return {"refused": {**about, "extra": extra}}


def _convert(order: dict[str, Any], folder: Path, limits: Limits) -> Outcome:
    # Imported late, so that the limits already hold for the libraries.
    from datasets.analytics.ingest.conversion import Conversion  # noqa: PLC0415

    files = [InputFile(Path(file["path"]), file["name"]) for file in order["files"]]
    options = Options.from_json(order["options"])
    base = Base.from_json(order["base"]) if order["base"] else None
    return Conversion(files, folder, options, limits, base).run()


def _limit(limits: Limits) -> None:
    for what, most, spare in (
        (resource.RLIMIT_AS, limits.address_space_bytes, 0),
        # At the hard limit comes SIGKILL, which says nothing of the reason.
        (resource.RLIMIT_CPU, limits.cpu_s, CPU_SPARE_S),
        (resource.RLIMIT_FSIZE, limits.file_bytes, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(what, (most, most + spare))
    signal.alarm(limits.wall_s)
    with contextlib.suppress(OSError):
        os.nice(10)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
