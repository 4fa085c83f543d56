"""Whether the first line of a table names the columns, judged by what is below it."""

import itertools
import re
from collections.abc import Sequence
from enum import StrEnum

_ROWS = 500
_YEAR = re.compile(r"(1[5-9]|20|21)\d\d")
_INTEGER = re.compile(r"-?\d{1,18}")


class Look(StrEnum):
    """The shape of a cell: its kind at first sight."""

    WHOLE = "whole"
    FRACTION = "fraction"
    TRUTH = "truth"
    TIME = "time"
    TEXT = "text"


_LOOKS = (
    (Look.WHOLE, re.compile(r"[-+]?\d+")),
    (
        Look.FRACTION,
        re.compile(
            r"[-+]?(\d[\d.,']*|[.,]\d+)([eE][-+]?\d+)?\s?%?|[-+]?inf(inity)?|nan",
            re.IGNORECASE,
        ),
    ),
    (Look.TRUTH, re.compile(r"true|false", re.IGNORECASE)),
    (
        Look.TIME,
        re.compile(
            r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\.?([ T].*)?|\d{1,2}:\d\d(:\d\d.*)?"
        ),
    ),
)


def look(cell: str) -> Look:
    text = cell.strip()
    for found, pattern in _LOOKS:
        if pattern.fullmatch(text):
            # 2024.01.05 is a date and no fraction.
            is_time = found is Look.FRACTION and _LOOKS[3][1].fullmatch(text)
            return Look.TIME if is_time else found
    return Look.TEXT


def names_the_columns(
    first: Sequence[str], rows: Sequence[Sequence[str]], null_words: Sequence[str]
) -> bool:
    """Return whether the first line is a header.

    It is where one of its cells is of another kind than the column below it, where
    all are text, or where its numbers are labels: years, or counted on.
    """
    missing = {"", *null_words}
    body = [row for row in rows[:_ROWS] if len(row) == len(first)]
    # The first column that differs decides: of 2,000 the others need no look.
    for place, cell in enumerate(first):
        column = (row[place] for row in body if row[place].strip() not in missing)
        if cell.strip() and _differs(cell, {look(text) for text in column}):
            return True
    looks = [look(cell) for cell in first if cell.strip()]
    if all(found is Look.TEXT for found in looks):
        return bool(looks)
    return _has_labels(first, body)


def _differs(cell: str, below: set[Look]) -> bool:
    found = look(cell)
    if not below or found in below:
        return False
    # A whole number above fractions may be one of them.
    return not (found is Look.WHOLE and below <= {Look.WHOLE, Look.FRACTION})


def _has_labels(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Return whether the numbers of a line are years or counted on."""
    places = [i for i, cell in enumerate(first) if _INTEGER.fullmatch(cell.strip())]
    if not places or not body:
        return False
    if len({first[i] for i in range(len(first))}) < len(first):
        return False
    numbers = [int(first[i]) for i in places]
    below = [row[i].strip() for row in body for i in places]
    are_years = all(_YEAR.fullmatch(first[i].strip()) for i in places)
    if are_years:
        return not any(_YEAR.fullmatch(cell) for cell in below)
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    counted = steps == {1} and numbers[0] in {0, 1}
    fractions = [look(cell) is Look.FRACTION for cell in below if cell]
    return counted and bool(fractions) and all(fractions)
