"""Files as the protocol lists them, and their answers."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from lifecycle import artifacts
from lifecycle.mlflow.errors import Missing
from lifecycle.models import Artifact, LoggedModel, Run

_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "log": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
    "yaml": "text/plain; charset=utf-8",
    "yml": "text/plain; charset=utf-8",
}
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_BLOCK: Final = 1 << 18


def listing(home: Run | LoggedModel, folder: str) -> list[tuple[str, int | None]]:
    """Return (path, size) of what lies directly in a folder, sorted; a folder has None.

    Rows are asked for, never a directory.
    """
    prefix = f"{folder}/" if folder else ""
    rows = home.artifacts.filter(is_stored=True).values_list("path", "size_bytes")
    if prefix:
        rows = rows.filter(path__startswith=prefix)
    found: dict[str, int | None] = {}
    for path, size in rows:
        if not path.startswith(prefix):  # SQLite's LIKE does not mind the case
            continue
        name, deeper, _ = path[len(prefix) :].partition("/")
        found[prefix + name] = None if deeper else size
    return sorted(found.items())


def file_messages(
    files: list[tuple[str, int | None]], *, below: str = ""
) -> list[dict[str, Any]]:
    """Return FileInfo messages; paths are shown relative to the folder `below`."""
    start = len(below) + 1 if below else 0
    return [
        {"path": path[start:], "is_dir": True}
        if size is None
        else {"path": path[start:], "is_dir": False, "file_size": size}
        for path, size in files
    ]


def stored(home: Run | LoggedModel, path: str) -> Artifact:
    """Return the stored file under a path. Raises Missing."""
    found: Artifact | None = home.artifacts.filter(path=path, is_stored=True).first()
    if found is None:
        raise Missing(f"No such artifact: '{path}'")
    return found


def file_answer(request: HttpRequest, artifact: Artifact) -> HttpResponseBase:
    """Return the file, or the part that `Range` asks for, always as a download."""
    try:
        file = artifacts.open_file(artifact)
    except FileNotFoundError:
        raise Missing(f"The file of the artifact '{artifact.path}' is gone.") from None
    size = artifact.size_bytes
    span = _span(request.headers.get("Range", ""), size)
    if span == (0, 0) and size:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, end = span or (0, size)
    answer = StreamingHttpResponse(
        _blocks(file, start, end), status=206 if span else 200
    )
    answer.headers["Content-Length"] = str(end - start)
    if span:
        answer.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    _describe(answer, artifact)
    return answer


def _describe(answer: HttpResponseBase, artifact: Artifact) -> None:
    name = artifact.path.rpartition("/")[2]
    suffix = name.rpartition(".")[2].lower()
    headers = {
        "Content-Type": _TYPES.get(suffix, "application/octet-stream"),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Accept-Ranges": "bytes",
        "ETag": f'"{artifact.sha256}"',
    }
    for header, value in headers.items():
        answer.headers[header] = value


def _span(header: str, size: int) -> tuple[int, int] | None:
    """Return [start, end) of a single range; None for all, (0, 0) for none of it."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(size - int(match[2]), 0), size
    else:
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end else (0, 0)


def _blocks(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = end - start
        while left and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block
