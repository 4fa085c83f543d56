"""Keeps pandas out of processes that only use pyarrow.

pyarrow looks for pandas once, at the first array it makes, and imports it where it is
installed: nearly a second of processor time and 50 MB for nothing here. Nothing else is
kept from importing it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any

HIDDEN = "pandas"


class _Hiding(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def _hidden() -> Iterator[None]:
    hiding = _Hiding()
    sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        sys.meta_path.remove(hiding)


def hide_pandas() -> None:
    """Make pyarrow's probe for pandas fail, unless pandas is imported already."""
    if HIDDEN in sys.modules:
        return
    with _hidden():
        import pyarrow  # noqa: PLC0415 - while it is hidden

        pyarrow.array([0])
