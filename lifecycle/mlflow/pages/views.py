"""MLflow's own pages, as their build has them, with our sign-in and policy around."""

import mimetypes
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotModified,
    HttpResponseRedirect,
)
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.views.decorators.http import require_safe

from lifecycle.mlflow.pages import build
from mlops.core.browser_sessions import hand_back, visitor_of
from mlops.core.problem_pages import nothing_here

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self' blob:; worker-src 'self' blob:; frame-src blob:; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script from elsewhere, inline or evaluated. Styles are made while pages run."""

START: Final = Path(__file__).with_name("start.js")
_SCRIPT: Final = b'<head><script src="start.js"></script>'
_HASHED: Final = re.compile(r"\.[0-9a-f]{8,}\.")
"""Names with a hash of the content, which never stand for another one."""
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@require_safe
def index(request: HttpRequest) -> HttpResponseBase:
    """Answer with the one page of the build; who is not signed in signs in first."""
    page = build.file_named(build.INDEX)
    if page is None:
        return nothing_here(request, build.HOW_TO_GET_IT)
    visitor = visitor_of(request)
    if visitor is None and not settings.OPEN_MODE:
        query = urlencode({"next": request.path})
        return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")
    response = HttpResponse(page.read_bytes().replace(b"<head>", _SCRIPT, 1))
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "private, no-store"
    if visitor and visitor.renewed:
        hand_back(response, visitor.renewed, secure=request.is_secure())
    return response


@require_safe
def start(request: HttpRequest) -> HttpResponseBase:
    """Answer with our own script, which comes before those of the build."""
    return _file(request, START)


@require_safe
def static_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Answer with a file of the build; they are public, and the same for everybody."""
    path = build.file_named(name)
    if path is None:
        return nothing_here(request, _why_not())
    return _file(request, path)


def _why_not() -> str:
    known = build.folder() is not None
    return "There is nothing at this address." if known else build.HOW_TO_GET_IT


def _file(request: HttpRequest, path: Path) -> HttpResponseBase:
    """Return the file, or that it is still the one whose digest the browser has."""
    etag = f'"{build.digest(path)}"'
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response: HttpResponse
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(path.read_bytes(), content_type=kind)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = (
        _FOR_EVER if _HASHED.search(path.name) else _ASK_AGAIN
    )
    response.headers["Content-Security-Policy"] = POLICY
    return response
