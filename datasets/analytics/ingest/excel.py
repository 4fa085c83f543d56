"""A workbook as a readable file: one of its sheets as text, and what was noted."""

import mmap
from pathlib import Path
from typing import Any

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.plain import Format, Plain
from datasets.analytics.ingest.sheet import SheetNotes, SheetText
from datasets.analytics.ingest.text import scan_utf8
from datasets.analytics.ingest.workbook import (
    Sheet,
    Workbook,
    chosen_sheet,
    has_data,
    opened,
)

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OLD_WORKBOOK = "Workbook".encode("utf-16-le")
_SAVE = "Save it as .xlsx or CSV, and upload that."
_NAMED = 5


def prepare_workbook(context: Context, path: Path, label: str) -> Plain:
    """Return the requested sheet, or the first with data, as text.

    Raises IngestRefused if it is not a workbook, or for options of text files.
    """
    options = context.options
    for name in ("encoding", "delimiter", "quote"):
        if getattr(options, name) is not None:
            raise IngestRefused.of_option(
                name, f"A workbook has no {name}: leave this option out."
            )
    book = opened(path)
    sheet = chosen_sheet(context, book)
    text = SheetText(context, book, sheet)
    target = context.temporary / f"{path.name}.sheet"
    text.write(target)
    about = {"workbook": _about(book, sheet, text.account)}
    notes = tuple(_notes(book, sheet, text.account))
    facts = scan_utf8(context, target)
    return Plain(target, label, Format.XLSX, facts, about=about, notes=notes)


def _about(book: Workbook, sheet: Sheet, account: SheetNotes) -> dict[str, Any]:
    return {
        "sheet": sheet.name,
        "sheets": [
            {"name": one.name, "hidden": one.is_hidden} for one in book.sheets[:1000]
        ],
        "dates_from": 1904 if book.is_1904 else 1900,
        "noted": account.report(),
        "merged": {"count": account.merged.count, "cells": account.merged.cells},
        "hidden_rows": {
            "count": account.hidden_rows.count,
            "rows": account.hidden_rows.cells,
        },
        "hidden_columns": {
            "count": account.hidden_columns.count,
            "columns": account.hidden_columns.cells,
        },
    }


def _notes(book: Workbook, sheet: Sheet, account: SheetNotes) -> list[str]:
    others = [
        one.name
        for one in book.sheets
        if one is not sheet and not one.is_hidden and has_data(book, one)
    ]
    where = f"Sheet {sheet.name!r}"
    notes = []
    if others:
        listed = ", ".join(map(repr, others[:_NAMED]))
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        notes.append(f"{where} was read; {listed}{more} hold data too (option sheet).")
    for item in account.report():
        count, cells = item["count"], ", ".join(item["cells"])
        plural = "cell" if count == 1 else "cells"
        notes.append(
            f"{where}, column {item['column']}: {_kind(item['kind'])} in {count}"
            f" {plural} ({cells}{', …' if count > len(item['cells']) else ''})."
        )
    if account.first_filled < account.width:
        notes.append(
            f"{where}: its first row fills {account.first_filled} of"
            f" {account.width} columns; the option header_row says which row has the"
            " names."
        )
    if account.merged.count:
        notes.append(
            f"{where}: {account.merged.count} merged ranges"
            f" ({', '.join(account.merged.cells)}); the first cell of each has the"
            " value, the others are missing."
        )
    if account.hidden_rows.count:
        notes.append(f"{where}: {account.hidden_rows.count} hidden rows were read too.")
    if account.hidden_columns.count:
        listed = ", ".join(account.hidden_columns.cells)
        notes.append(f"{where}: hidden columns were read too ({listed}).")
    if account.blank_rows:
        notes.append(f"{where}: {account.blank_rows} blank rows between others.")
    return notes


def _kind(kind: str) -> str:
    if kind.startswith("error"):
        return f"{kind}, which is missing,"
    if kind.startswith("formula"):
        return f"{kind}, which is missing (open and save the file in Excel),"
    return f"{kind}; the value was kept," if kind.startswith("shows") else f"{kind},"


def refuse_old_document(path: Path) -> None:
    """Refuse an OLE compound file; say what it is and what to send instead."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as m:
        if m.find(_ENCRYPTED) >= 0:
            what = (
                "The workbook is encrypted with a password. Take the password off"
                " (File, Info, Protect Workbook), save it, and upload that."
            )
        elif m.find(_OLD_WORKBOOK) >= 0:
            what = f"The file is an old Excel workbook (.xls). {_SAVE}"
        else:
            what = f"The file is an old Office document. {_SAVE}"
    raise IngestRefused("unsupported_format", what)
