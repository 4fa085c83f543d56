"""ZIP archives: what they are by what is in them, and the files of a table.

Nothing in an archive is believed: names that lead out of it, links, passwords, and
more bytes than were promised are refused.
"""

import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context

MAX_FILES = 1_000
_MAX_ENTRIES = 20_000
_MIME = "mimetype"
_LONGEST_MIME = 200
_STRICT = b"purl.oclc.org/ooxml"
_SAVE = "Save it as .xlsx or CSV, and upload that."
# By a member of the archive: what the archive is.
_KNOWN: Mapping[str, str] = {
    "xl/workbook.bin": f"The file is a binary Excel workbook (.xlsb). {_SAVE}",
    "word/document.xml": "The file is a Word document, not a table.",
    "ppt/presentation.xml": "The file is a PowerPoint presentation, not a table.",
    "META-INF/MANIFEST.MF": "The file is a Java archive, not a table.",
    "Index/Document.iwa": f"The file is an Apple Numbers document. {_SAVE}",
}
WORKBOOK = "xl/workbook.xml"


@dataclass(frozen=True, slots=True)
class Member:
    """An extracted file; `name` includes its folders."""

    path: Path
    name: str


class Archive:
    """An open ZIP archive. Raises IngestRefused for one that is damaged."""

    def __init__(self, context: Context, path: Path) -> None:
        self._context = context
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            self._entries = self._zip.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise IngestRefused(
                "invalid_file", "The archive is damaged or cut off."
            ) from None
        self._check_size()

    def _check_size(self) -> None:
        limits, packed = self._context.limits, self._path.stat().st_size
        if len(self._entries) > _MAX_ENTRIES:
            raise IngestRefused("file_bomb", f"More than {_MAX_ENTRIES} files.")
        size = sum(entry.file_size for entry in self._entries)
        most = min(limits.unpacked_bytes, max(packed * limits.unpacked_ratio, 16 << 20))
        if size > most:
            raise IngestRefused(
                "file_bomb",
                f"The file unpacks to {size} bytes from {packed}; that is refused.",
            )

    @property
    def is_workbook(self) -> bool:
        """Whether it is an Excel workbook that is read.

        Raises IngestRefused, by name, for documents of other programs.
        """
        names = {entry.filename for entry in self._entries}
        for name, words in _KNOWN.items():
            if name in names:
                raise IngestRefused("unsupported_format", words)
        self._refuse_open_document(names)
        if WORKBOOK not in names:
            return any(name.startswith("xl/") for name in names)
        if _STRICT in self._read(WORKBOOK, 1 << 20):
            raise IngestRefused(
                "unsupported_format",
                "The workbook is Strict Open XML. Save it as Excel Workbook (.xlsx).",
            )
        return True

    def _refuse_open_document(self, names: set[str]) -> None:
        if _MIME in names:
            kind = self._read(_MIME, _LONGEST_MIME)
            if kind.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
                raise IngestRefused(
                    "unsupported_format",
                    f"The file is an OpenDocument spreadsheet (.ods). {_SAVE}",
                )
            if kind.startswith(b"application/vnd.oasis"):
                raise IngestRefused(
                    "unsupported_format", "The file is no table but a document."
                )

    def _read(self, name: str, most: int) -> bytes:
        try:
            with self._zip.open(name) as file:
                return file.read(most)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
            return b""

    def members(self) -> tuple[list[Member], list[str]]:
        """Extract the files, sorted by name; return also which were skipped.

        Raises IngestRefused for path traversal, links and passwords.
        """
        files = sorted(self._files(), key=lambda entry: entry.filename)
        left_out = [e.filename for e in files if _is_no_table(e.filename)]
        files = [entry for entry in files if not _is_no_table(entry.filename)]
        if not files:
            raise IngestRefused("no_rows", "The archive holds no files.")
        if len(files) > MAX_FILES:
            raise IngestRefused(
                "invalid_file", f"The archive holds more than {MAX_FILES} files."
            )
        names = [entry.filename for entry in files]
        if twice := next((n for n in names if names.count(n) > 1), None):
            raise IngestRefused("invalid_file", f"The archive holds {twice!r} twice.")
        return [self._taken(i, entry) for i, entry in enumerate(files)], left_out

    def _files(self) -> Iterator[zipfile.ZipInfo]:
        for entry in self._entries:
            parts = PurePosixPath(entry.filename).parts
            if entry.filename.startswith("/") or ".." in parts or ":" in parts[0]:
                raise IngestRefused(
                    "invalid_file",
                    f"The archive holds a name that leads out of it:"
                    f" {entry.filename[:100]!r}.",
                )
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise IngestRefused(
                    "invalid_file", f"The archive holds a link: {entry.filename!r}."
                )
            if not entry.is_dir():
                yield entry

    def _taken(self, index: int, entry: zipfile.ZipInfo) -> Member:
        if entry.flag_bits & 1:
            raise IngestRefused(
                "unsupported_format", "The archive is encrypted with a password."
            )
        target = self._context.temporary / f"{self._path.name}.member_{index:d}"
        try:
            # What a member unpacks to beyond its promise is not read.
            with self._zip.open(entry) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
        except (zipfile.BadZipFile, OSError, EOFError):
            raise IngestRefused(
                "invalid_file", f"{entry.filename!r} in the archive is damaged."
            ) from None
        except (RuntimeError, NotImplementedError):
            raise IngestRefused(
                "unsupported_format", f"{entry.filename!r} is packed in an unknown way."
            ) from None
        return Member(target, entry.filename)


def _is_no_table(name: str) -> bool:
    """Return whether it is metadata that programs add beside the tables."""
    return any(part.startswith((".", "_")) for part in PurePosixPath(name).parts)
