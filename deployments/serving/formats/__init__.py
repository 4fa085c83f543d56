"""Model files of several formats, detected by content and loaded from bytes.

Loading belongs in a process that may die: a native reader can abort on one
changed byte (LightGBM does, on a third of them).
"""

import importlib
from types import ModuleType

from deployments.serving.formats.base import Loaded, LoadOptions
from deployments.serving.formats.sniff import ModelFormat, sniff
from deployments.serving.terms import TargetRefused

__all__ = ["LoadOptions", "Loaded", "ModelFormat", "load", "prepare", "reader", "sniff"]

_READERS = {
    1: {
        ModelFormat.ONNX: "onnx",
        ModelFormat.SKOPS: "first.skops",
        ModelFormat.XGBOOST: "first.xgboost",
        ModelFormat.LIGHTGBM: "first.lightgbm",
        ModelFormat.PICKLE: "first.pickled",
    },
    2: {
        ModelFormat.ONNX: "onnx_columns",
        ModelFormat.SKOPS: "skops",
        ModelFormat.XGBOOST: "xgboost",
        ModelFormat.LIGHTGBM: "lightgbm",
        ModelFormat.PICKLE: "pickled",
    },
}
_READERS[3] = _READERS[2]


def reader(found: ModelFormat, reading: int) -> ModuleType:
    """Return the format's module, which imports its library."""
    return importlib.import_module(f"{__name__}.{_READERS[reading][found]}")


def prepare(content: bytes, reading: int) -> None:
    """Import what loading the file takes, for a process about to be shut in.

    The content is only searched for words. Raises TargetRefused for an unknown format.
    """
    module = reader(sniff(content), reading)
    for name in getattr(module, "needed", lambda _: ())(content):
        importlib.import_module(name)


def load(content: bytes, options: LoadOptions) -> Loaded:
    """Return the model that a file holds. Raises TargetRefused, with a readable reason.

    Native libraries may also end the process.
    """
    model: Loaded = reader(sniff(content), options.reading).read(content, options)
    if not model.outputs:
        raise TargetRefused("The model has no outputs.")
    return model
