"""The wire form of protocol buffers, walked without any schema and bounded.

https://protobuf.dev/programming-guides/encoding/
"""

import mmap
import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_VARINT, _EIGHT_BYTES, _PIECE, _FOUR_BYTES = 0, 1, 2, 5

Span = tuple[int, int]
"""Where the bytes of a field begin and end."""


class Malformed(Exception):
    """The bytes are no message, or hold too many fields."""


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap | None]:
    """Yield the content of a file that is no link; None of an empty one.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not os.fstat(descriptor).st_size:
            yield None
            return
        with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as content:
            yield content
    finally:
        os.close(descriptor)


class WireReader:
    """Walks through one file, looking at no more than `most_fields` fields of it."""

    def __init__(self, content: mmap.mmap, most_fields: int) -> None:
        self.content, self._left = content, most_fields

    @property
    def whole(self) -> Span:
        return 0, len(self.content)

    def fields(self, message: Span) -> Iterator[tuple[int, int | Span]]:
        """Yield the fields of a message: its number, and its value or where that is.

        Raises Malformed.
        """
        at, end = message
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise Malformed
            key, at = self._varint(at, end)
            number, form = key >> 3, key & 7
            value: int | Span
            if form == _VARINT:
                value, at = self._varint(at, end)
            else:
                size, at = self._size(form, at, end)
                value, at = (at, at + size), at + size
            if number == 0 or at > end:
                raise Malformed
            yield number, value

    def picked(
        self, message: Span, wanted: Collection[int], *, most: int = 1_000
    ) -> dict[int, list[int | Span]]:
        """Return the first `most` values of each of the wanted fields."""
        found: dict[int, list[int | Span]] = defaultdict(list)
        for number, value in self.fields(message):
            if number in wanted and len(found[number]) < most:
                found[number].append(value)
        return found

    def _size(self, form: int, at: int, end: int) -> Span:
        """Return how long a field is, and where it begins."""
        if form == _PIECE:
            return self._varint(at, end)
        if form in (_EIGHT_BYTES, _FOUR_BYTES):
            return 8 if form == _EIGHT_BYTES else 4, at
        raise Malformed

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise Malformed
            byte = self.content[at]
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:  # noqa: PLR2004 - the last byte has no high bit
                return value, at
        raise Malformed
