"""Answers with the bytes of an artifact: streamed, by range, never to be rendered."""

import re
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import quote

from django.http import HttpRequest, HttpResponseBase

from lifecycle.models import Artifact
from lifecycle.paths import stored_key
from mlops.core import ranges
from mlops.core.errors import NotFound
from mlops.core.ranges import NoSuchRange

# Ours alone, so that no client decides what a browser takes a file for. HTML and
# SVG are text: a browser runs neither.
TYPES = {
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
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".parquet": "application/vnd.apache.parquet",
}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OTHER = "application/octet-stream"
MEDIA_TYPES = sorted({OTHER, *(kind.partition(";")[0] for kind in TYPES.values())})
"""What a download may be of."""


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
        return none.response()
    except FileNotFoundError:
        raise NotFound("The bytes of this artifact are gone.") from None


def streamed(request: HttpRequest, artifact: Artifact) -> HttpResponseBase:
    """Stream a stored file, or the one range that is asked for.

    Raises NoSuchRange, and FileNotFoundError for a file that is gone.
    """
    response = ranges.streamed(
        request,
        stored_key(artifact.pk),
        size_bytes=artifact.size_bytes,
        etag=f'"{artifact.sha256}"',
    )
    if response.status_code != HTTPStatus.NOT_MODIFIED:
        _describe(response, artifact)
    return response


def _describe(response: HttpResponseBase, artifact: Artifact) -> None:
    name = PurePosixPath(artifact.path).name
    suffix = PurePosixPath(artifact.path).suffix.lower()
    response["Content-Type"] = TYPES.get(suffix, OTHER)
    response["Content-Disposition"] = (
        f"attachment; filename={_plain(name)}; filename*=UTF-8''{quote(name)}"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"


def _plain(name: str) -> str:
    """Return the name for clients without `filename*`: in ASCII, quoted if need be.

    See RFC 6266 and RFC 9110, section 5.6.
    """
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    if _TOKEN.fullmatch(ascii_name):
        return ascii_name
    escaped = ascii_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
