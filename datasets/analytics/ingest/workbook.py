"""XLSX: which sheets a workbook has, and the text of one of them, with what it hides.

openpyxl finds the parts, the sheets and the epoch. The cells are read here, because
its cells do not tell a formula that has no value from an empty cell, nor have they
what is hidden or merged. Formulas are never computed: Excel's last value is read.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.datetime import MAC_EPOCH
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import fromstring, iterparse

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.number_formats import (
    NumberFormat,
    format_code,
    number_format,
)

_NS = f"{{{SHEET_MAIN_NS}}}"
_STYLES = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
_DAMAGED = "The workbook is damaged, or of a kind that is not read."
_MAX_STRING_BYTES = 1 << 30
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
ERRORS = (KeyError, ValueError, TypeError, OSError, EOFError, AttributeError)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of cells; `is_hidden` in the program that made it."""

    name: str
    part: str
    is_hidden: bool


@dataclass(slots=True)
class Workbook:
    """An open workbook: its sheets of cells, texts and formats."""

    archive: zipfile.ZipFile
    sheets: list[Sheet]
    is_1904: bool
    texts: list[str] = field(default_factory=list)
    formats: list[NumberFormat] = field(default_factory=list)

    def rows(self, sheet: Sheet) -> Iterator[Element]:
        """Yield rows, columns and merged ranges of a sheet as its XML has them.

        Raises IngestRefused for XML that is none.
        """
        wanted = {f"{_NS}row", f"{_NS}col", f"{_NS}mergeCell"}
        try:
            with self.archive.open(sheet.part) as part:
                for _, element in iterparse(part):
                    if element.tag in wanted:
                        yield element
                        element.clear()
        except (ParseError, zipfile.BadZipFile, *ERRORS):
            raise IngestRefused("invalid_file", _DAMAGED) from None


def opened(path: Path) -> Workbook:
    """Open a workbook. Raises IngestRefused for one that is damaged or a bomb."""
    try:
        with path.open("rb") as file:
            reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
            reader.read_manifest()
            reader.read_workbook()
            found = [
                Sheet(sheet.name, rel.target, sheet.state not in {None, "visible"})
                for sheet, rel in reader.parser.find_sheets()
                if rel.Type.endswith("/worksheet")
            ]
            epoch = reader.wb.epoch
            package = reader.package
        archive = zipfile.ZipFile(path)
        book = Workbook(archive, found, epoch == MAC_EPOCH)
        book.formats = _formats(archive, package.find(_STYLES))
        book.texts = _texts(archive, package.find(SHARED_STRINGS))
    except (ParseError, zipfile.BadZipFile, *ERRORS):
        raise IngestRefused("invalid_file", _DAMAGED) from None
    if not book.sheets:
        raise IngestRefused("no_rows", "The workbook has no sheet of cells.")
    return book


def _formats(archive: zipfile.ZipFile, part: Any) -> list[NumberFormat]:
    """Return the number format of each style of a cell."""
    if part is None:
        return []
    root = fromstring(archive.read(part.PartName.lstrip("/")))
    custom = {
        int(item.get("numFmtId", 0)): item.get("formatCode", "")
        for item in root.iterfind(f"{_NS}numFmts/{_NS}numFmt")
    }
    return [
        number_format(format_code(int(item.get("numFmtId", 0)), custom))
        for item in root.iterfind(f"{_NS}cellXfs/{_NS}xf")
    ]


def _texts(archive: zipfile.ZipFile, part: Any) -> list[str]:
    if part is None:
        return []
    name = part.PartName.lstrip("/")
    if archive.getinfo(name).file_size > _MAX_STRING_BYTES:
        raise IngestRefused("too_heavy", "The workbook holds too much text.")
    found = []
    with archive.open(name) as source:
        for _, element in iterparse(source):
            if element.tag == f"{_NS}si":
                found.append(text_of(element))
                element.clear()
    return found


def text_of(element: Element) -> str:
    """Return the text of a string, without how it is to be pronounced."""
    pieces = [
        item.text or ""
        for child in element
        for item in ([child] if child.tag == f"{_NS}t" else child.iter(f"{_NS}t"))
        if child.tag in {f"{_NS}t", f"{_NS}r"}
    ]
    return unescaped("".join(pieces))


def unescaped(text: str) -> str:
    r"""Return a text in which \x0d stands for what XML has no form for."""
    return _ESCAPE.sub(_control, text) if "_x" in text else text


def _control(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if 0 < code < ord(" ") or code == ord("_") else found[0]


def chosen_sheet(context: Context, book: Workbook) -> Sheet:
    """Return the sheet that was asked for, else the first visible one with data.

    Raises IngestRefused, which names the sheets, where there is none.
    """
    names = ", ".join(repr(sheet.name) for sheet in book.sheets[:20])
    if (wanted := context.options.sheet) is not None:
        for sheet in book.sheets:
            if sheet.name == wanted:
                return sheet
        raise IngestRefused.of_option(
            "sheet", f"There is no sheet {wanted!r}; there are {names}."
        )
    visible = [sheet for sheet in book.sheets if not sheet.is_hidden]
    for sheet in visible:
        if has_data(book, sheet):
            return sheet
    raise IngestRefused(
        "no_rows",
        f"No visible sheet holds data (of {names}); the option sheet names one.",
    )


def has_data(book: Workbook, sheet: Sheet) -> bool:
    """Return whether a cell of the sheet holds a value or a formula."""
    filled = {f"{_NS}v", f"{_NS}is", f"{_NS}f"}
    return any(
        item.tag in filled for row in book.rows(sheet) for cell in row for item in cell
    )
