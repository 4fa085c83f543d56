"""Keeps pandas out of processes that only use pyarrow.

pyarrow looks for pandas once, at the first array it makes, and imports it where it is
installed: nearly a second of processor time and 50 MB for nothing here. Nothing else is
kept from importing it.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

ARROW, HIDDEN = "pyarrow", "pandas"


class _Finder(MetaPathFinder):
    """Hears of the import of pyarrow, whoever does it, and hides pandas from it.

    It stays: who takes one away may have another thread's import pass over the next.
    """

    def __init__(self) -> None:
        self._is_looking = False
        self._looker: int | None = None

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == HIDDEN and self._looker == threading.get_ident():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name != ARROW or self._is_looking:
            return None
        self._is_looking = True  # which asks again, of the finders behind this one
        try:
            found = find_spec(name)
        finally:
            self._is_looking = False
        if found is not None and found.loader is not None:
            found.loader = _ArrowLoader(found.loader, self)
        return found

    def look_in_vain(self, arrow: ModuleType) -> None:
        """Have pyarrow look for pandas now, unless that is imported already."""
        if HIDDEN not in sys.modules:
            with self._hiding():
                arrow.array([0])

    @contextmanager
    def _hiding(self) -> Iterator[None]:
        self._looker = threading.get_ident()
        try:
            yield
        finally:
            self._looker = None


class _ArrowLoader(Loader):
    """Loads pyarrow as its own loader does, and has it look for pandas in vain."""

    def __init__(self, own: Loader, finder: _Finder) -> None:
        self._own, self._finder = own, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._own.exec_module(module)
        self._finder.look_in_vain(module)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the loader's own: resources, source, paths."""
        return getattr(self._own, name)


_finder = _Finder()


def hide_pandas() -> None:
    """Make pyarrow's probe for pandas fail, unless pandas is imported before it.

    At the import of pyarrow, which takes 25 MB and a third of a second, and which most
    processes do without.
    """
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    if ARROW in sys.modules:
        _finder.look_in_vain(sys.modules[ARROW])
