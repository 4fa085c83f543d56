"""A store of its own for a benchmark: a new database and an empty data folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def empty_store() -> Iterator[None]:
    """Set the project up on it; the folder is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with kept_store(folder):
            yield
    finally:
        shutil.rmtree(folder)


@contextmanager
def kept_store(folder: Path) -> Iterator[None]:
    """Set the project up on a folder that stays, with what is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["MLOPS_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "mlops.settings"
    os.environ.setdefault("MLOPS_LOG_LEVEL", "ERROR")
    import django  # noqa: PLC0415 - after the environment

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    yield
