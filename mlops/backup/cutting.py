"""Where a stream of things is cut, so that equal things are in equal pieces.

A cut follows what the key says, not how many things came before: what is added,
changed or gone changes the piece that it is in, and at most the one beside it.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

Thing = TypeVar("Thing")

AVERAGE: Final = 4096
MOST: Final = 4 * AVERAGE
MOST_BYTES: Final = 4 << 20


def pieces(
    things: Iterable[Thing],
    key: Callable[[Thing], object],
    weight: Callable[[Thing], int] | None = None,
) -> Iterator[list[Thing]]:
    """Yield the things in pieces, in their order; `weight` estimates bytes of one."""
    piece: list[Thing] = []
    held = 0
    for thing in things:
        piece.append(thing)
        held += weight(thing) if weight else 0
        is_cut = zlib.crc32(str(key(thing)).encode()) % AVERAGE == 0
        if is_cut or len(piece) >= MOST or held >= MOST_BYTES:
            yield piece
            piece, held = [], 0
    if piece:
        yield piece
