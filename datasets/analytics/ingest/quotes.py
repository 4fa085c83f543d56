"""Quotes that open or close a cell; others are characters of its text.

A quote opens a cell where a cell begins, at most behind spaces, as DuckDB has it:
`5" disk` holds a character, and hides no line end behind it.
"""

import codecs
from itertools import pairwise
from typing import Any

import numpy as np

_LINE_FEED = b"\n"
# What parts cells where nobody has said it yet.
_USUAL = b",;\t|"
_LONGEST_GAP = 64


class Quotes:
    """The quote state of one text, chunk by chunk; `inside` is between chunks."""

    def __init__(self, quote: str, delimiter: str | None = None) -> None:
        self.quote = quote.encode()
        begins = delimiter.encode()[-1:] if delimiter else _USUAL
        self._begins = frozenset(begins + b"\r\n")
        # A quote behind another one is a quote in a cell.
        self._known = np.zeros(256, bool)
        self._known[[*self._begins, *self.quote]] = True
        self._before = _LINE_FEED
        self._has_closed = False
        self.inside = False

    def toggles(self, piece: bytes) -> Any:
        """Return the places of the quotes that open or close a cell; move behind it."""
        return self._toggles(piece)[0]

    def _toggles(self, piece: bytes) -> tuple[Any, bool]:
        """Return these places, and whether they are all that the piece has."""
        if not piece:
            return np.zeros(0, np.int64), True
        bytes_ = np.frombuffer(piece, np.uint8)
        found = np.flatnonzero(bytes_ == self.quote[0])
        are_all = not found.size or self._is_regular(bytes_, found)
        if not are_all:
            found = self._walked(piece, found)
        self.inside ^= bool(found.size % 2)
        is_last = bool(found.size) and int(found[-1]) == len(piece) - 1
        self._has_closed = is_last and not self.inside
        self._before = (self._before[-_LONGEST_GAP:] + piece[-_LONGEST_GAP:])[
            -_LONGEST_GAP:
        ]
        return found, are_all

    def parts(self, piece: bytes) -> tuple[list[bytes], bool]:
        """Cut a piece at these quotes; say whether the first part is inside a cell.

        Parts are inside and outside in turn.
        """
        was_inside = self.inside
        places, are_all = self._toggles(piece)
        if are_all:
            return piece.split(self.quote), was_inside
        edges = [-1, *places.tolist(), len(piece)]
        found = [piece[a + 1 : b] for a, b in pairwise(edges)]
        return found, was_inside

    def _is_regular(self, bytes_: Any, found: Any) -> bool:
        """Return whether quotes open and close in turn: all that open may do so."""
        opening = found[self.inside :: 2]
        if opening.size and opening[0] == 0:
            opening = opening[1:]
            if not (self._has_closed or self._before[-1] in self._begins):
                return False
        return bool(self._known[bytes_[opening - 1]].all())

    def _walked(self, piece: bytes, found: Any) -> Any:
        whole, shift = self._before + piece, len(self._before)
        kept, inside = [], self.inside
        closed = -1 if self._has_closed else None
        for place in found.tolist():
            if inside:
                inside, closed = False, place
            elif closed == place - 1 or self._begins_cell(whole, place + shift):
                inside = True
            else:
                continue
            kept.append(place)
        return np.array(kept, np.int64)

    def _begins_cell(self, whole: bytes, place: int) -> bool:
        before = whole[max(place - _LONGEST_GAP, 0) : place].rstrip(b" ")
        before = before.removesuffix(_LINE_FEED + codecs.BOM_UTF8)
        return not before or before[-1] in self._begins
