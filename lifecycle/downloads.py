"""Answers with the bytes of an artifact: streamed, by range, never to be rendered."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from lifecycle import artifacts
from lifecycle.models import Artifact
from mlops.core.errors import NotFound
from mlops.core.files import CHUNK_BYTES
from mlops.core.problems import problem_response

# Ours alone, so that no client decides what a browser takes a file for. HTML and
# SVG are text: a browser runs neither.
_TYPES = {
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".yaml": "text/plain; charset=utf-8",
    ".yml": "text/plain; charset=utf-8",
    ".html": "text/plain; charset=utf-8",
    ".svg": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".parquet": "application/vnd.apache.parquet",
}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class NoSuchRange(Exception):
    """The file holds nothing of the range that was asked for."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes} bytes.")
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}


def respond(request: HttpRequest, artifact: Artifact) -> HttpResponseBase:
    """Return what `streamed` does, or the API's refusal.

    Raises NotFound for a reference, whose bytes are elsewhere, and for a file that is
    gone.
    """
    if not artifact.is_stored:
        raise NotFound("This is a reference; its bytes are not here.")
    try:
        return streamed(request, artifact)
    except NoSuchRange as none:
        refusal = problem_response(416, "bad_range", "The file has no such range.")
        for name, value in none.headers.items():
            refusal[name] = value
        return refusal
    except FileNotFoundError:
        raise NotFound("The bytes of this artifact are gone.") from None


def streamed(request: HttpRequest, artifact: Artifact) -> StreamingHttpResponse:
    """Stream a stored file, or the one range that is asked for (RFC 9110, 14).

    `If-Range` with another digest gets the whole. Raises NoSuchRange, and
    FileNotFoundError for a file that is gone.
    """
    size = artifact.size_bytes
    wanted = _wanted_range(request, artifact)
    if wanted is not None and not 0 <= wanted[0] <= wanted[1] < size:
        raise NoSuchRange(size)
    first, last = wanted or (0, size - 1)
    file = artifacts.open_file(artifact)
    file.seek(first)
    response = StreamingHttpResponse(
        _Chunks(file, last - first + 1), status=206 if wanted else 200
    )
    if wanted:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Length"] = str(last - first + 1)
    _describe(response, artifact)
    return response


def _describe(response: HttpResponseBase, artifact: Artifact) -> None:
    name = PurePosixPath(artifact.path).name
    suffix = PurePosixPath(artifact.path).suffix.lower()
    response["Content-Type"] = _TYPES.get(suffix, "application/octet-stream")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = f'"{artifact.sha256}"'


def _wanted_range(request: HttpRequest, artifact: Artifact) -> tuple[int, int] | None:
    """Return first and last byte, also impossible ones; None for the whole file."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    condition = request.headers.get("If-Range", f'"{artifact.sha256}"')
    if match is None or condition != f'"{artifact.sha256}"':
        return None
    first, last, size = match[1], match[2], artifact.size_bytes
    if not first and not last:
        return None
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else (size, size)
    return int(first), min(int(last), size - 1) if last else size - 1


class _Chunks:
    """The next `left` bytes of a file, closed with the answer, read or not."""

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
