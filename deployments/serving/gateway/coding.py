"""gzip and deflate, both ways; what inflates to more than its limit is refused.

RFC 9110, 8.4 and 12.5.3. Large bodies go to a thread: the loop serves others.
"""

import asyncio
import zlib
from collections.abc import Sequence

from deployments.serving.gateway.request import RequestRefused

Headers = Sequence[tuple[bytes, bytes]]

GZIP, DEFLATE, IDENTITY = b"gzip", b"deflate", b"identity"
CODINGS = {GZIP: GZIP, b"x-gzip": GZIP, DEFLATE: DEFLATE}
SPOKEN = [(b"accept-encoding", b"gzip, deflate")]
LEAST_BYTES = 1024
"""Less than a packet is not worth the time."""
THREAD_BYTES = 1 << 16
LEVEL = 1
MOST_MEMBERS = 64
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15
_GZIP_MARK = b"\x1f\x8b"


def coding_of(headers: Headers) -> bytes:
    """Return how a body is coded, `identity` if it is not.

    Raises RequestRefused: 415.
    """
    values = [value for name, value in headers if name == b"content-encoding"]
    named = [each.strip().lower() for each in b",".join(values).split(b",")]
    codings = [each for each in named if each not in (b"", IDENTITY)]
    if not codings:
        return IDENTITY
    if len(codings) > 1 or codings[0] not in CODINGS:
        raise RequestRefused(415, "Content-Encoding must be gzip or deflate.", SPOKEN)
    return CODINGS[codings[0]]


async def inflated(body: bytes, coding: bytes, max_bytes: int) -> bytes:
    """Return what a body says.

    Raises RequestRefused: 413 at the limit, 400 if damaged.
    """
    if coding == IDENTITY or not body:
        return body
    if len(body) < THREAD_BYTES:
        return _inflated(body, coding, max_bytes)
    return await asyncio.to_thread(_inflated, body, coding, max_bytes)


def accepted(headers: Headers) -> bytes:
    """Return the coding that an answer may have, `identity` if none."""
    values = [value for name, value in headers if name == b"accept-encoding"]
    if not values:
        return IDENTITY
    weights = dict(_weighed(each) for each in b",".join(values).lower().split(b","))
    others = weights.get(b"*", 0.0)
    best = max(CODINGS.values(), key=lambda each: weights.get(each, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get(IDENTITY, 0.0) else IDENTITY


async def deflated(body: bytes, coding: bytes) -> bytes:
    if len(body) < THREAD_BYTES:
        return _deflated(body, coding)
    return await asyncio.to_thread(_deflated, body, coding)


def _weighed(entry: bytes) -> tuple[bytes, float]:
    name, _, weight = entry.partition(b";")
    number = weight.strip().removeprefix(b"q=")
    try:
        return name.strip(), float(number) if weight else 1.0
    except ValueError:
        return name.strip(), 0.0


def _deflated(body: bytes, coding: bytes) -> bytes:
    packer = zlib.compressobj(
        LEVEL, zlib.DEFLATED, _GZIP_BITS if coding == GZIP else _ZLIB_BITS
    )
    return packer.compress(body) + packer.flush()


def _inflated(body: bytes, coding: bytes, max_bytes: int) -> bytes:
    """Return the whole of it, member after member; not a byte over the limit."""
    bits = _GZIP_BITS if coding == GZIP else _bits_of(body)
    name, pieces, left = coding.decode(), list[bytes](), max_bytes
    for _ in range(MOST_MEMBERS):
        piece, body = _first_member(body, bits, name, left + 1)
        if len(piece) > left:
            raise RequestRefused(
                413, f"The body inflates to more than {max_bytes} bytes."
            )
        pieces.append(piece)
        left -= len(piece)
        if not body:
            return b"".join(pieces)
        if coding != GZIP or not body.startswith(_GZIP_MARK[: len(body)]):
            raise RequestRefused(400, f"The body goes on after the end of its {name}.")
    raise RequestRefused(400, f"The body has more than {MOST_MEMBERS} gzip members.")


def _first_member(
    body: bytes, bits: int, name: str, most_bytes: int
) -> tuple[bytes, bytes]:
    """Return at most so many bytes of the first member, and what follows it."""
    unpacker = zlib.decompressobj(bits)
    try:
        piece = unpacker.decompress(body, most_bytes)
    except zlib.error:
        message = f"The body is not {name}, or its {name} is damaged."
        raise RequestRefused(400, message) from None
    if not unpacker.eof and len(piece) < most_bytes:
        raise RequestRefused(400, f"The body breaks off within its {name}.")
    return piece, unpacker.unused_data


def _bits_of(body: bytes) -> int:
    """Return the window bits: `deflate` means zlib's format; raw data is often sent."""
    is_wrapped = (
        len(body) > 1
        and body[0] & 0x0F == zlib.DEFLATED
        and int.from_bytes(body[:2]) % 31 == 0
    )
    return _ZLIB_BITS if is_wrapped else _RAW_BITS
