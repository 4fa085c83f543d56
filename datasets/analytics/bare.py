"""The variables of a process that reads what strangers wrote."""

import os
from pathlib import Path

import datasets


def environment() -> dict[str, str]:
    """Return them, none of ours among them: such a process holds no secret to lose."""
    root = Path(next(iter(datasets.__path__))).parent
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPATH": str(root),
        "PYTHONSAFEPATH": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "2",
    }
