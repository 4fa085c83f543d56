"""Unpacks uploaded files: the members of archives, the sheets of workbooks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.archive import Archive
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.excel import prepare_workbook, refuse_old_document
from datasets.analytics.ingest.model import InputFile
from datasets.analytics.ingest.plain import Format, Plain, prepare

_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_EMPTY_ZIP = b"PK\x05\x06"
_MISSING = "__HIVE_DEFAULT_PARTITION__"
_NAMED = 5


def unpacked(context: Context, files: Sequence[InputFile]) -> list[Plain]:
    """Return the files in a readable form, in order. Raises IngestRefused."""
    found = [plain for file in files for plain in _of_file(context, file)]
    if context.options.sheet is not None and all(
        plain.format != Format.XLSX for plain in found
    ):
        raise IngestRefused.of_option("sheet", "Only a workbook has sheets.")
    return found


def _of_file(context: Context, file: InputFile) -> list[Plain]:
    archive = _archive(context, file.path)
    if archive is None or archive.is_workbook:
        return [_single_file(context, file, is_workbook=archive is not None)]
    members, left_out = archive.members()
    found = []
    for member in members:
        inner = _archive(context, member.path)
        if inner is not None and not inner.is_workbook:
            raise IngestRefused(
                "unsupported_format", f"{member.name!r} is an archive in an archive."
            )
        plain = _single_file(
            context,
            InputFile(member.path, member.name),
            is_workbook=inner is not None,
        )
        found.append(plain)
    if left_out:
        listed = ", ".join(map(repr, left_out[:_NAMED]))
        note = f"{len(left_out)} files of the archive were left out: {listed}."
        found[0] = replace(found[0], notes=(*found[0].notes, note))
    return found


def _archive(context: Context, path: Path) -> Archive | None:
    with path.open("rb") as file:
        start = file.read(4)
    return Archive(context, path) if start in {_ZIP, _EMPTY_ZIP} else None


def _single_file(context: Context, file: InputFile, *, is_workbook: bool) -> Plain:
    with file.path.open("rb") as opened:
        if opened.read(4) == _COMPOUND:
            refuse_old_document(file.path)
    if is_workbook:
        plain = prepare_workbook(context, file.path, file.name)
    else:
        plain = prepare(context, file)
    return replace(plain, partitions=partitions(file.name))


def partitions(name: str) -> tuple[tuple[str, str | None], ...]:
    """Return keys and values of the folders `key=value` that a file is in.

    Raises IngestRefused for a key that is given twice.
    """
    found: dict[str, str | None] = {}
    for part in PurePosixPath(name).parts[:-1]:
        key, equals, value = part.partition("=")
        if not key or not equals:
            continue
        if (plain := unquote(key)) in found:
            raise IngestRefused(
                "invalid_file", f"{name!r} is in two folders {plain + '=…'!r}."
            )
        found[plain] = None if value == _MISSING else unquote(value)
    return tuple(found.items())
