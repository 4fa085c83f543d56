"""Modules that are imported when something of them is first used.

For libraries of many megabytes that a process may never need. Type checkers see the
import itself:

    if TYPE_CHECKING:
        import numpy as np
    else:
        np = lazy_import("numpy")
"""

from importlib import import_module
from typing import Any


def lazy_import(name: str, *submodules: str) -> "LazyModule":
    """Return a stand-in for a module; `submodules` are imported along with it."""
    return LazyModule(name, submodules)


class LazyModule:
    """Looks like a module that was imported; keeps what was asked of it."""

    def __init__(self, name: str, submodules: tuple[str, ...]) -> None:
        self.__name__ = name
        self._submodules = submodules

    def __repr__(self) -> str:
        return f"<lazy module {self.__name__!r}>"

    def __getattr__(self, name: str) -> Any:
        """Import it, and remember the attribute: the next use is a plain one.

        Raises AttributeError as the module does.
        """
        module = import_module(self.__name__)
        for each in self._submodules:
            import_module(each)
        value = self.__dict__[name] = getattr(module, name)
        return value
