"""Model files of several formats, told apart by content and loaded from bytes.

Loading belongs in a process that may die: a native reader can abort on one
changed byte (LightGBM does, on a third of them).
"""

import importlib
from types import ModuleType

from deployments.serving.formats.base import Loaded, Options
from deployments.serving.formats.sniff import Format, sniff
from deployments.serving.terms import Refused

__all__ = ["Format", "Loaded", "Options", "load", "prepare", "reader", "sniff"]

_READERS = {
    1: {
        Format.ONNX: "onnx",
        Format.SKOPS: "first.skops",
        Format.XGBOOST: "first.xgboost",
        Format.LIGHTGBM: "first.lightgbm",
        Format.PICKLE: "first.pickled",
    },
    2: {
        Format.ONNX: "onnx_columns",
        Format.SKOPS: "skops",
        Format.XGBOOST: "xgboost",
        Format.LIGHTGBM: "lightgbm",
        Format.PICKLE: "pickled",
    },
}


def reader(found: Format, reading: int) -> ModuleType:
    """Return the format's module, which imports its library."""
    return importlib.import_module(f"{__name__}.{_READERS[reading][found]}")


def prepare(content: bytes, reading: int) -> None:
    """Import what loading the file takes, for a process about to be shut in.

    The content is only searched for words. Raises Refused for an unknown format.
    """
    module = reader(sniff(content), reading)
    for name in getattr(module, "needed", lambda _: ())(content):
        importlib.import_module(name)


def load(content: bytes, options: Options) -> Loaded:
    """Return the model that a file holds. Raises Refused, with a readable reason.

    Native libraries may also end the process.
    """
    model: Loaded = reader(sniff(content), options.reading).read(content, options)
    if not model.outputs:
        raise Refused("The model has no outputs.")
    return model
