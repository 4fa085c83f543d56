"""The cells of a sheet as a CSV of text, and an account of what they show and hide.

A number is written with the digits that its double has at the least, a date as ISO
8601; texts as they are. So the same proof holds for them as for the cells of a CSV.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import orjson
from openpyxl.utils import get_column_letter
from openpyxl.xml.constants import SHEET_MAIN_NS

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.number_formats import NumberFormat, moment
from datasets.analytics.ingest.workbook import Sheet, Workbook, text_of, unescaped

_NS = f"{{{SHEET_MAIN_NS}}}"
_CELL, _VALUE, _FORMULA = f"{_NS}c", f"{_NS}v", f"{_NS}f"
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
_LISTED = 5
_PREVIEWED_ROWS = 10_000
_WHOLE = re.compile(r"-?[0-9]+")
_DOUBLE_DIGITS = 17
_LETTERS = re.compile("[A-Z]{1,3}")
_DIGITS = "0123456789"
_FORGED = "The workbook is damaged or forged: its cells are in no order."


@dataclass(slots=True)
class CellNote:
    """Cells of one column and kind: how many, and the first of them."""

    count: int = 0
    cells: list[str] = field(default_factory=list)

    def add(self, cell: str) -> None:
        self.count += 1
        if len(self.cells) < _LISTED:
            self.cells.append(cell)


@dataclass(slots=True)
class SheetNotes:
    """Differences between the sheet as displayed and as read."""

    noted: dict[tuple[str, int], CellNote] = field(
        default_factory=lambda: defaultdict(CellNote)
    )
    merged: CellNote = field(default_factory=CellNote)
    hidden_rows: CellNote = field(default_factory=CellNote)
    hidden_columns: CellNote = field(default_factory=CellNote)
    blank_rows: int = 0
    first_filled: int = 0
    width: int = 0

    def note(self, kind: str, row: int, column: int) -> None:
        self.noted[kind, column].add(f"{get_column_letter(column)}{row}")

    def report(self) -> list[dict[str, Any]]:
        return [
            {
                "kind": kind,
                "column": get_column_letter(column),
                "count": found.count,
                "cells": found.cells,
            }
            for (kind, column), found in sorted(self.noted.items())
        ]


@dataclass(slots=True)
class _Shape:
    """The bounding rectangle of the non-empty cells."""

    first_row: int = 0
    last_row: int = 0
    left: int = _MAX_COLUMN
    right: int = 0


class SheetText:
    """Writes one sheet as CSV with commas and quotes."""

    def __init__(self, context: Context, book: Workbook, sheet: Sheet) -> None:
        self.context = context
        self.book = book
        self.sheet = sheet
        self.account = SheetNotes()
        self._shape = _Shape()

    def write(self, target: Path) -> None:
        """Write the filled rectangle below the rows that are to be skipped.

        Raises IngestRefused for a sheet that is empty, forged or too wide.
        """
        try:
            self._write(target)
        except (ValueError, TypeError, OverflowError):
            raise IngestRefused("invalid_file", _FORGED) from None

    def _write(self, target: Path) -> None:
        lines = target.with_suffix(".cells")
        options = self.context.options
        above = options.skip_lines + max((options.header_row or 1) - 1, 0)
        with lines.open("wb") as out:
            for number, cells in self._filled(above):
                out.write(orjson.dumps([number, cells]) + b"\n")
        shape = self._shape
        if not shape.right:
            raise IngestRefused("no_rows", f"The sheet {self.sheet.name!r} is empty.")
        width = shape.right - shape.left + 1
        self.account.width = width
        self.context.check_columns(width)
        blank = b"," * (width - 1) + b"\n" if width > 1 else b'""\n'
        next_row = shape.first_row
        with lines.open("rb") as source, target.open("wb") as out:
            for line in source:
                number, filled = orjson.loads(line)
                self.account.blank_rows += number - next_row
                out.write(blank * (number - next_row))
                out.write(_line(filled, shape.left, width))
                next_row = number + 1
        lines.unlink()

    def _filled(self, above: int) -> Iterator[tuple[int, list[Any]]]:
        last = filled = 0
        for element in self.book.rows(self.sheet):
            if self.context.limits.first_bytes and filled == _PREVIEWED_ROWS:
                self.context.is_cut = True
                return
            if element.tag == f"{_NS}col":
                self._note_column(element)
            elif element.tag == f"{_NS}mergeCell":
                self.account.merged.add(element.get("ref", ""))
            else:
                number = int(element.get("r") or last + 1)
                if not last < number <= _MAX_ROW:
                    raise IngestRefused("invalid_file", _FORGED)
                last = number
                if number > above and (cells := self._cells(element, number)):
                    filled += 1
                    self._grow(number, cells)
                    yield number, cells

    def _grow(self, row: int, cells: list[Any]) -> None:
        shape = self._shape
        if not shape.first_row:
            shape.first_row = row
            self.account.first_filled = len(cells)
        shape.left = min(shape.left, cells[0][0])
        shape.right = max(shape.right, cells[-1][0])

    def _note_column(self, element: Element) -> None:
        if element.get("hidden") in {"1", "true"}:
            last = min(int(element.get("max") or 1), _MAX_COLUMN)
            for column in range(int(element.get("min") or 1), last + 1):
                self.account.hidden_columns.add(get_column_letter(column))

    def _cells(self, element: Element, row: int) -> list[Any]:
        """Return the filled cells of a row as pairs of column and text."""
        found: list[Any] = []
        column = 0
        for cell in element:
            if cell.tag != _CELL:
                continue
            here = _column(cell.get("r"), column + 1)
            if not column < here <= _MAX_COLUMN:
                raise IngestRefused("invalid_file", _FORGED)
            column = here
            text = self._text(cell, row, column)
            if text is not None:
                found.append([column, text])
        if found and element.get("hidden") in {"1", "true"}:
            self.account.hidden_rows.add(str(row))
        return found

    def _text(self, cell: Element, row: int, column: int) -> str | None:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            inline = cell.find(f"{_NS}is")
            return None if inline is None else text_of(inline)
        text = cell.findtext(_VALUE)
        if kind == "str" and text is not None:
            return unescaped(text)
        if text:
            return self._value(kind, text, cell, (row, column))
        if cell.find(_FORMULA) is not None:
            self.account.note("formula without a value", row, column)
        return None

    def _value(
        self, kind: str, text: str, cell: Element, place: tuple[int, int]
    ) -> str | None:
        if kind == "e":
            self.account.note(f"error {text[:20]}", *place)
            return None
        readers: dict[str, Callable[[str], str]] = {
            "s": self._shared,
            "b": lambda text: "TRUE" if text in {"1", "true"} else "FALSE",
            "d": lambda text: text.removesuffix("T00:00:00"),
        }
        if kind in readers:
            return readers[kind](text)
        return self._number(text, cell.get("s"), *place)

    def _shared(self, text: str) -> str:
        try:
            return self.book.texts[int(text)]
        except (ValueError, IndexError):
            raise IngestRefused("invalid_file", _FORGED) from None

    def _number(self, raw: str, style: str | None, row: int, column: int) -> str:
        try:
            value = float(raw)
        except ValueError:
            raise IngestRefused("invalid_file", _FORGED) from None
        text = number_text(raw, value)
        formats = self.book.formats
        place = int(style or 0)
        shown = formats[place] if place < len(formats) else NumberFormat()
        if shown.is_elapsed:
            self.account.note("duration, read as a number of days", row, column)
            return text
        if shown.has_day or shown.has_clock:
            found = moment(value, shown, is_1904=self.book.is_1904)
            if found is None:
                self.account.note("no day that there is, read as a number", row, column)
                return text
            if found.hides:
                self.account.note(f"shows not {found.hides}", row, column)
            return found.text
        is_changed = not shown.zeros or len(text.lstrip("-")) < shown.zeros
        if shown.changes and is_changed:
            self.account.note(f"shows {shown.changes}", row, column)
        elif shown.decimals is not None and _decimals(text) > shown.decimals:
            self.account.note("shows fewer decimals", row, column)
        return text


def number_text(raw: str, value: float) -> str:
    """Return the shortest text of a double; that of the file where it has more."""
    if _WHOLE.fullmatch(raw):
        return raw
    digits = re.sub(r"^[-+]?0*\.?0*|\.|[eE].*", "", raw)
    return repr(value) if len(digits) <= _DOUBLE_DIGITS else raw


def _decimals(text: str) -> int:
    return 0 if "e" in text else len(text.partition(".")[2].rstrip("0"))


def _column(reference: str | None, following: int) -> int:
    return following if reference is None else _position(reference.rstrip(_DIGITS))


@cache
def _position(letters: str) -> int:
    """Return the number of a column, from 1."""
    if not _LETTERS.fullmatch(letters):
        raise IngestRefused("invalid_file", _FORGED)
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return column


def _line(cells: list[Any], left: int, width: int) -> bytes:
    texts = [""] * width
    for column, text in cells:
        texts[column - left] = _quoted(text)
    # A line of nothing would be no row.
    return (",".join(texts) or '""').encode("utf-8", "surrogateescape") + b"\n"


def _quoted(text: str) -> str:
    if text == "" or any(sign in text for sign in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text
