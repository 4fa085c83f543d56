"""A look into a file of a run or logged model, by what its name says it is.

Nothing of a file is ever run or loaded: text and tables are cut out of its beginning,
a Parquet file is read by a process that is shut in, of an ONNX model the headers.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import orjson

from datasets import inline_ingestion
from datasets.analytics.ingest import InputFile
from lifecycle import mlmodel, onnxsignature
from lifecycle.artifacts import file_path
from lifecycle.models import Artifact
from lifecycle.paths import stored_key
from lifecycle.states import PreviewKind
from mlops.core.byte_store import byte_store
from mlops.core.errors import DomainError, NotFound

TEXT_BYTES = 256 * 2**10
TABLE_ROWS = 100
TABLE_COLUMNS = 200
CELL_LENGTH = 1_000
DOCUMENT_BYTES = 4 * 2**20
"""A JSON document can be read whole only: a longer one is shown as text."""
IMAGE_BYTES = 32 * 2**20
COLUMNAR_BYTES = 64 * 2**20
SEPARATED = {".csv": ",", ".tsv": "\t"}
MANIFEST = "MLmodel"
CUT = "…"


@dataclass(frozen=True, slots=True)
class PreviewTable:
    """The first rows of a table; a cell is text where its file says no type."""

    columns: list[dict[str, str]]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class ArtifactLook:
    """What can be shown of a file.

    Without `is_whole` there is more of it than is shown. `reason` says why nothing is.
    """

    kind: PreviewKind
    is_whole: bool = True
    text: str = ""
    table: PreviewTable | None = None
    signature: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    def shown(self) -> dict[str, Any]:
        """Return it as the API does; what there is nothing of is None."""
        is_text = self.kind == PreviewKind.TEXT
        return {
            "kind": self.kind,
            "is_whole": self.is_whole,
            "text": self.text if is_text else None,
            "columns": self.table.columns if self.table else None,
            "rows": self.table.rows if self.table else None,
            "signature": self.signature or None,
            "reason": self.reason or None,
        }


def preview(artifact: Artifact) -> ArtifactLook:
    """Look into a file. Raises NotFound where its bytes are not here (any more)."""
    if not artifact.is_stored:
        raise NotFound("This is a reference; its bytes are not here.")
    path = PurePosixPath(artifact.path)
    look = _manifest if path.name == MANIFEST else _LOOKS.get(path.suffix.lower())
    try:
        return (look or _plain)(artifact)
    except FileNotFoundError:
        raise NotFound("The bytes of this artifact are gone.") from None


def _image(artifact: Artifact) -> ArtifactLook:
    """Leave the picture to the browser, which gets it as a download."""
    byte_store().stat(stored_key(artifact.pk))
    if artifact.size_bytes > IMAGE_BYTES:
        return _nothing(f"A picture of more than {IMAGE_BYTES:,} bytes is not shown.")
    return ArtifactLook(PreviewKind.IMAGE)


def _plain(artifact: Artifact) -> ArtifactLook:
    content, is_whole = _beginning(artifact, TEXT_BYTES)
    text = _decoded(content, is_whole=is_whole)
    if text is None:
        return _nothing("This is no text, and no form that is looked into.")
    return ArtifactLook(PreviewKind.TEXT, is_whole, text)


def _manifest(artifact: Artifact) -> ArtifactLook:
    """Show an MLmodel file as text, with the signature that it holds."""
    shown = _plain(artifact)
    found = mlmodel.read(shown.text.encode()) if shown.is_whole else mlmodel.MLmodel()
    sides = found.pyfunc or found.predict_spec
    signature = {
        "inputs": _mlflow_side(sides.inputs),
        "outputs": _mlflow_side(sides.outputs),
    }
    if not any(signature.values()):
        return shown
    return ArtifactLook(
        shown.kind, shown.is_whole, shown.text, signature=_filled(signature)
    )


def _model(artifact: Artifact) -> ArtifactLook:
    found = onnxsignature.read(file_path(artifact))
    if found is None:
        return _nothing("This is no ONNX model, or a damaged one.")
    return ArtifactLook(PreviewKind.MODEL, signature=_filled(asdict(found)))


def _separated(artifact: Artifact) -> ArtifactLook:
    content, is_whole = _beginning(artifact, TEXT_BYTES)
    text = _decoded(content, is_whole=is_whole)
    if text is None:
        return _nothing("This is no text in UTF-8.")
    if not is_whole:
        text = text[: text.rfind("\n") + 1] or text
    delimiter = SEPARATED[PurePosixPath(artifact.path).suffix.lower()]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        head = next(lines, [])
        rows = [row for row in lines if row]
    except csv.Error:
        return ArtifactLook(PreviewKind.TEXT, is_whole, text)
    return _table(head, rows, is_whole=is_whole)


def _document(artifact: Artifact) -> ArtifactLook:
    """Show JSON as the table that it holds, or laid out in lines."""
    if artifact.size_bytes > DOCUMENT_BYTES:
        return _plain(artifact)
    content, _ = _beginning(artifact, DOCUMENT_BYTES)
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _plain(artifact)
    if not _says_the_same(found, content):
        return _plain(artifact)
    if rows := _split_form(found) or _records(found):
        return _table(*rows)
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    return ArtifactLook(PreviewKind.TEXT, len(text) <= TEXT_BYTES, text[:TEXT_BYTES])


def _says_the_same(found: Any, document: bytes) -> bool:
    """Tell whether what was read has the document's digits and each of its names.

    A whole number beyond 64 bits is read as a float, and of equal names in an object
    the last one; what is nested too deeply cannot be written again.
    """
    read = partial(
        json.loads, parse_int=Decimal, parse_float=Decimal, object_pairs_hook=list
    )
    try:
        return bool(read(orjson.dumps(found)) == read(document))
    except (orjson.JSONEncodeError, RecursionError):
        return False


def _split_form(found: Any) -> tuple[list[Any], list[list[Any]]] | None:
    """Return the table that clients of MLflow log: `{"columns": […], "data": […]}`."""
    if not isinstance(found, dict):
        return None
    head, rows = found.get("columns"), found.get("data")
    if not isinstance(head, list) or not isinstance(rows, list) or not head:
        return None
    if not all(isinstance(row, list) and len(row) == len(head) for row in rows):
        return None
    return head, rows


def _records(found: Any) -> tuple[list[Any], list[list[Any]]] | None:
    if not isinstance(found, list) or not found:
        return None
    if not all(isinstance(row, dict) for row in found):
        return None
    head = list(dict.fromkeys(name for row in found for name in row))
    return head, [[row.get(name) for name in head] for row in found]


def _columnar(artifact: Artifact) -> ArtifactLook:
    """Have the file read as the beginning of a dataset would be, by a child process."""
    if artifact.size_bytes > COLUMNAR_BYTES:
        return _nothing(f"A table of more than {COLUMNAR_BYTES:,} bytes is not read.")
    file = InputFile(file_path(artifact), PurePosixPath(artifact.path).name)
    try:
        outcome, first = inline_ingestion.previewed([file], {})
    except DomainError as error:
        return _nothing(error.message)
    columns = [{"name": column.name, "type": column.type} for column in outcome.columns]
    names = [column["name"] for column in columns[:TABLE_COLUMNS]]
    rows = [[row.get(name) for name in names] for row in first.rows[:TABLE_ROWS]]
    is_all = len(columns) <= TABLE_COLUMNS and outcome.row_count <= len(rows)
    return ArtifactLook(
        PreviewKind.TABLE,
        is_all and not first.truncated,
        table=PreviewTable(columns[:TABLE_COLUMNS], rows),
    )


def _table(
    head: Sequence[Any], rows: Sequence[Sequence[Any]], *, is_whole: bool = True
) -> ArtifactLook:
    columns = [{"name": str(name), "type": ""} for name in head[:TABLE_COLUMNS]]
    shown = [[_cell(cell) for cell in row[:TABLE_COLUMNS]] for row in rows[:TABLE_ROWS]]
    is_all = len(rows) <= TABLE_ROWS and len(head) <= TABLE_COLUMNS
    is_cut = any(_is_long(_text(cell)) for row in rows[:TABLE_ROWS] for cell in row)
    table = PreviewTable(columns, shown)
    return ArtifactLook(
        PreviewKind.TABLE, is_whole and is_all and not is_cut, table=table
    )


def _cell(value: Any) -> Any:
    value = _text(value)
    return value[:CELL_LENGTH] + CUT if _is_long(value) else value


def _text(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > CELL_LENGTH


def _beginning(artifact: Artifact, size: int) -> tuple[bytes, bool]:
    """Return the first bytes of a file, and whether they are all of it."""
    if not artifact.size_bytes:
        return b"", True
    with byte_store().open(stored_key(artifact.pk), 0, size) as file:
        return file.read(size), artifact.size_bytes <= size


def _decoded(content: bytes, *, is_whole: bool) -> str | None:
    """Return bytes as text, None if they are none; a letter may be cut at the end."""
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if is_whole or error.start < len(content) - 4:
            return None
        return content[: error.start].decode("utf-8-sig")


def _mlflow_side(text: str) -> list[dict[str, Any]]:
    """Return the columns or tensors of one side of an MLflow signature."""
    try:
        found = orjson.loads(text or "[]")
    except orjson.JSONDecodeError:
        return []
    entries = found if isinstance(found, list) else []
    return [_mlflow_entry(one) for one in entries if isinstance(one, dict)]


def _mlflow_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    tensor = entry.get("tensor-spec")
    if not isinstance(tensor, dict):
        tensor = {"dtype": entry.get("type"), "shape": None}
    shape = tensor.get("shape")
    sizes = [size if size != -1 else "?" for size in shape or []]
    return {
        "name": str(entry.get("name", "")),
        "type": str(tensor.get("dtype") or "?"),
        "shape": sizes if isinstance(shape, list) else None,
    }


def _filled(signature: Mapping[str, Any]) -> dict[str, Any]:
    empty = {
        "inputs": [],
        "outputs": [],
        "ir_version": 0,
        "producer": "",
        "opsets": {},
        "metadata": {},
    }
    return {**empty, **signature}


def _nothing(reason: str) -> ArtifactLook:
    return ArtifactLook(PreviewKind.NONE, reason=reason)


_Look = Callable[[Artifact], ArtifactLook]
_LOOKS: Mapping[str, _Look] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp"), _image),
    **dict.fromkeys(SEPARATED, _separated),
    **dict.fromkeys((".parquet", ".arrow", ".feather", ".xlsx"), _columnar),
    ".json": _document,
    ".onnx": _model,
}
