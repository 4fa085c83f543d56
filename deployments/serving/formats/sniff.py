"""Detection of a model file's format from its bytes; its name is ignored."""

import io
import mmap
import zipfile
from enum import StrEnum

from deployments.serving.terms import TargetRefused

KNOWN = "ONNX, skops, XGBoost (JSON or UBJ) and LightGBM (text)"
_ZLIB = (b"x\x01", b"x\x9c", b"x\xda")
_PICKLE_PROTOCOLS = range(2, 6)
_ONNX_GRAPH, _ONNX_FIELDS = 7, 26


class ModelFormat(StrEnum):
    ONNX = "onnx"
    SKOPS = "skops"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    PICKLE = "pickle"


def sniff(content: bytes) -> ModelFormat:
    """Return the format. Raises TargetRefused for an empty or an unknown one."""
    if not content:
        raise TargetRefused("The artifact is empty.")
    for found, looks_like in _CHECKS:
        if looks_like(content):
            return found
    raise TargetRefused(
        f"The artifact is not in a format that can be served ({KNOWN}), or it is "
        "damaged."
    )


def _is_pickle(content: bytes) -> bool:
    return content[0] == 0x80 and len(content) > 1 and content[1] in _PICKLE_PROTOCOLS  # noqa: PLR2004


def _is_compressed_pickle(content: bytes) -> bool:
    """Whether it is joblib's compressed pickle, the only zlib format here."""
    return content.startswith((*_ZLIB, b"BZh", b"\x1f\x8b", b"\xfd7zXZ"))


def _is_skops(content: bytes) -> bool:
    if not content.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "schema.json" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _is_xgboost(content: bytes) -> bool:
    """Whether it is XGBoost's JSON or UBJ: both start with a brace and the same key."""
    return content.startswith(b"{") and b"learner" in content[:64]


def _is_lightgbm(content: bytes) -> bool:
    return content.startswith((b"tree\n", b"tree\r\n"))


def is_onnx(content: bytes | mmap.mmap) -> bool:
    """Walk the top level of a protobuf message: ModelProto has a graph, field 7."""
    position, end, has_graph = 0, len(content), False
    while position < end:
        key, position = _varint(content, position)
        number, wire = key >> 3, key & 7
        if not 0 < number < _ONNX_FIELDS or wire not in (0, 2) or position < 0:
            return False
        size, position = _varint(content, position)
        if position < 0:
            return False
        if wire == 2:  # noqa: PLR2004 - length-delimited
            position += size
            has_graph |= number == _ONNX_GRAPH
    return has_graph and position == end


def _varint(content: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    """Return a number and where it ends, -1 if it does not."""
    value = 0
    for shift, byte in enumerate(content[position : position + 10]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no high bit
            return value, position + shift + 1
    return 0, -1


_CHECKS = (
    (ModelFormat.SKOPS, _is_skops),
    (ModelFormat.LIGHTGBM, _is_lightgbm),
    (ModelFormat.XGBOOST, _is_xgboost),
    (ModelFormat.PICKLE, _is_pickle),
    (ModelFormat.ONNX, is_onnx),
    (ModelFormat.PICKLE, _is_compressed_pickle),
)
