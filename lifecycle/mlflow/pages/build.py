"""Where MLflow's own pages are: in an installed `mlflow`, or a folder of the user's.

MLflow itself is never imported: that takes seconds and hundreds of megabytes.
"""

from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.translation import gettext_noop

INDEX: Final = "index.html"
HOW_TO_GET_IT: Final = gettext_noop(
    "MLflow's pages are not installed: pip install --no-deps -r "
    "requirements-mlflow-ui.txt, or set MLOPS_MLFLOW_UI to a folder with their build."
)
_INSIDE_MLFLOW: Final = Path("server", "js", "build")


def folder() -> Path | None:
    """Return the folder of the build; None where there is none."""
    if given := settings.MLFLOW_UI:
        return _with_index(Path(given))
    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        return None
    return _with_index(Path(spec.origin).parent / _INSIDE_MLFLOW)


def file_named(name: str) -> Path | None:
    """Return a file of the build; None for what is none, or lies outside."""
    build = folder()
    if build is None or "\0" in name:
        return None
    root = build.resolve()
    path = (root / name).resolve()
    return path if path.is_relative_to(root) and path.is_file() else None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, calculated again when the file has changed."""
    status = path.stat()
    return _digest(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _digest(path: Path, _changed_ns: int, _size_bytes: int) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _with_index(build: Path) -> Path | None:
    return build if (build / INDEX).is_file() else None
