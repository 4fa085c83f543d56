"""JSON as model processes read and write it.

By orjson, or by the standard library in a model's own interpreter that has none.
"""

import json
import math
import re
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

quick: ModuleType | None
try:
    import orjson as quick
except ModuleNotFoundError:
    quick = None

BARE = re.compile(r"-?(NaN|Infinity)")
"""What Python writes for these, and JSON has no tokens for."""


def loads(text: bytes | memoryview) -> Any:
    """Return what a text says. Raises json.JSONDecodeError."""
    if quick is None:
        return plain_loads(text)
    try:
        return quick.loads(text)
    except json.JSONDecodeError as error:
        for start in (error.pos - 1, error.pos):
            if start >= 0 and (bare := BARE.match(error.doc, start)):
                message = _no_token(bare.group())
                raise json.JSONDecodeError(message, error.doc, error.pos) from None
        raise


def dumps(value: Any) -> bytes:
    """Return JSON; NaN and infinities become null, where they are not words yet."""
    if quick is None:
        return plain_dumps(value)
    text: bytes = quick.dumps(value, option=quick.OPT_SERIALIZE_NUMPY)
    return text


def plain_loads(text: bytes | memoryview) -> Any:
    try:
        return json.loads(bytes(text), parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def plain_dumps(value: Any) -> bytes:
    return json.dumps(
        value, default=_plain, separators=(",", ":"), ensure_ascii=False
    ).encode()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(_no_token(name))


def _no_token(name: str) -> str:
    return f'{name} is no JSON; send the word "{name}"'


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("number is infinity when parsed as double")
    return value


def _plain(value: Any) -> Any:
    """Return numpy's arrays and numbers as Python's."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        finite = np.isfinite(value)
        if not finite.all():
            value = value.astype(np.object_)
            value[~finite] = None
    return value.tolist()
