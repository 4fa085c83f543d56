"""Paths and URIs that clients send, checked as text; and the keys of stored files."""

import re
import unicodedata
import uuid
from urllib.parse import unquote

from lifecycle.errors import LocalUri, UnsafePath

MAX_PATH_LENGTH = 1000
_BIDI = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_DRIVE = re.compile(r"[A-Za-z]:")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_DECODINGS = 5

REMOTE_SCHEMES = frozenset(
    {"s3", "s3a", "gs", "gcs", "http", "https", "ftp", "sftp", "hdfs", "viewfs"}
    | {"dbfs", "abfs", "abfss", "wasb", "wasbs", "azureml", "hf", "docker", "oci"}
    | {"git", "mlflow-artifacts", "runs", "models"}
)
"""Schemes that a label may carry. Nothing here ever follows one."""

_KINDS = {
    "model": {"onnx", "pkl", "joblib", "pt", "pth", "ubj", "skops", "safetensors"},
    "image": {"png", "jpg", "jpeg", "gif", "webp", "svg"},
    "table": {"csv", "parquet", "tsv", "arrow", "feather"},
    "text": {"txt", "log", "md", "json", "yaml", "yml", "toml", "html"},
}


ARTIFACTS = "artifacts/"
"""The prefix of stored files in the byte store."""


def stored_key(file_id: uuid.UUID) -> str:
    """Return the key of a stored file's bytes; no client's text is part of it."""
    name = file_id.hex
    return f"{ARTIFACTS}{name[:2]}/{name}"


def kind_of(path: str) -> str:
    """Return model, image, table, text or file, as the name's ending says."""
    ending = path.rpartition(".")[2].lower()
    for kind, endings in _KINDS.items():
        if ending in endings:
            return kind
    return "file"


def normal_path(text: str, *, field: str = "path") -> str:
    r"""Return a relative path of plain segments, in NFC, without a last slash.

    Raises UnsafePath for what is empty, absolute or too long, for `.` and `..`
    also when percent-encoded (however often), for `\`, drive letters, control and
    bidirectional characters.
    """
    path = unicodedata.normalize("NFC", text)
    if not path or len(path) > MAX_PATH_LENGTH:
        raise UnsafePath(f"A path has 1 to {MAX_PATH_LENGTH} characters.", field=field)
    decoded = path
    for _ in range(_DECODINGS):
        _refuse_unsafe(decoded, field)
        if (again := unquote(decoded)) == decoded:
            break
        decoded = again
    else:
        raise UnsafePath("The path is percent-encoded too often.", field=field)
    return path.removesuffix("/")


def label_uri(text: str, *, field: str = "uri") -> str:
    """Return a URI that may be kept as a label, or a relative path.

    Raises LocalUri for `file:` in every spelling, for absolute and climbing paths
    and for schemes that are not known to be remote.
    """
    if any(unicodedata.category(char) == "Cc" for char in text) or text != text.strip():
        raise LocalUri("A URI holds no control characters or blanks.", field=field)
    scheme = _SCHEME.match(text)
    if scheme is None or _DRIVE.fullmatch(text[:2]):
        return _relative(text, field)
    if scheme[1].lower() not in REMOTE_SCHEMES:
        raise LocalUri(
            f"URIs with {scheme[1].lower()}: are refused; upload the file instead.",
            field=field,
        )
    return text


def _relative(text: str, field: str) -> str:
    try:
        return normal_path(text, field=field)
    except UnsafePath as unsafe:
        raise LocalUri(
            f"This names a local file, which is never opened: {unsafe.message}",
            field=field,
        ) from unsafe


def _refuse_unsafe(path: str, field: str) -> None:
    if path.startswith("/") or _DRIVE.match(path):
        raise UnsafePath("A path must be relative.", field=field)
    if "\\" in path:
        raise UnsafePath(r"A path must not contain '\'.", field=field)
    if any(segment in {"", ".", ".."} for segment in path.removesuffix("/").split("/")):
        raise UnsafePath("A path must not hold '.', '..' or '//'.", field=field)
    for char in path:
        if char in _BIDI or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}:
            raise UnsafePath(
                f"A path must not contain the character U+{ord(char):04X}.",
                field=field,
            )
