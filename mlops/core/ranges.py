"""A blob as an answer: whole, or the one range that is asked for (RFC 9110, 14)."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)

from mlops.core import etags
from mlops.core.blobs import CHUNK_BYTES
from mlops.core.byte_store import byte_store
from mlops.core.problems import problem_response

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
PARTIAL = 206


class NoSuchRange(Exception):
    """The file holds nothing of the range that was asked for."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes} bytes.")
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}

    def response(self) -> HttpResponseBase:
        """Return the refusal in the API's form."""
        refusal = problem_response(416, "bad_range", "The file has no such range.")
        for name, value in self.headers.items():
            refusal[name] = value
        return refusal


def streamed(
    request: HttpRequest, key: str, *, size_bytes: int, etag: str
) -> HttpResponseBase:
    """Answer with a blob of the byte store, its range, or 304 if the client has it.

    `If-Range` with another ETag gets the whole, HEAD the headers alone. Raises
    NoSuchRange, and FileNotFoundError for a blob that is gone.
    """
    if etags.names(request.headers.get("If-None-Match", ""), etag):
        byte_store().stat(key)
        return HttpResponse(status=304, headers={"ETag": etag})
    wanted = _wanted(request, size_bytes, etag)
    if wanted is not None and not 0 <= wanted[0] <= wanted[1] < size_bytes:
        byte_store().stat(key)
        raise NoSuchRange(size_bytes)
    first, last = wanted or (0, size_bytes - 1)
    size, status = last - first + 1, PARTIAL if wanted else 200
    response: HttpResponseBase
    if request.method == "HEAD":
        byte_store().stat(key)
        response = HttpResponse(status=status)
    else:
        file = byte_store().open(key, first, size)
        response = StreamingHttpResponse(_Chunks(file, size), status=status)
    if wanted:
        response["Content-Range"] = f"bytes {first}-{last}/{size_bytes}"
    response["Content-Length"] = str(size)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    return response


def _wanted(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """Return first and last byte, also impossible ones; None for the whole file."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match[1], match[2]
    if not first and not last:
        return None
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else (size, size)
    return int(first), min(int(last), size - 1) if last else size - 1


class _Chunks:
    """At most `left` bytes of a blob, closed with the answer, read or not."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._file.read(min(CHUNK_BYTES, self._left))
        if not chunk:
            raise StopIteration
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()
