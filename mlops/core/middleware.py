"""What every request passes: an id, clear refusals, security headers."""

import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from mlops import logs
from mlops.core import request_log
from mlops.core.context import RequestContext, current
from mlops.core.errors import DomainError
from mlops.core.headers import content_policy
from mlops.core.health import lacks_migrations
from mlops.core.problem_pages import shown_to, wants_page
from mlops.core.problems import answer_to, problem_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_AROUND_A_FILE = 2**20
"""Bytes that a form may put around the largest file."""
_Answer = Callable[[HttpRequest], HttpResponse]

_STRICT = content_policy()
# The admin's theme evaluates expressions in its markup; nothing else may.
_ADMIN = _STRICT.replace(
    "script-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
).replace("default-src 'none'", "default-src 'self'")


class RequestContextMiddleware:
    """Keeps a sane `X-Request-ID` from the client or makes one; returns it.

    Log lines have it too, and the trace that `traceparent` names.
    """

    def __init__(self, get_response: _Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start, context = time.perf_counter(), _context(request)
        fields = request_log.fields_of(context)
        request.META[request_log.FIELDS] = fields
        reset, reset_log = current.set(context), logs.context.set(fields)
        try:
            response = self._respond(request)
            response["X-Request-ID"] = context.request_id
            if settings.ACCESS_LOG or settings.OTLP_ENDPOINT:
                request_log.note(request, response, time.perf_counter() - start)
        finally:
            current.reset(reset)
            logs.context.reset(reset_log)
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path:
            nul = problem_response(400, "bad_path", "The path holds a NUL character.")
            return _shown(request, nul)
        if _via(request.path) == "admin" and "%00" in request.META["QUERY_STRING"]:
            # The API's own parameters say so themselves.
            nul = problem_response(400, "bad_query", "The query holds a NUL character.")
            return _shown(request, nul)
        if _length(request) > settings.MAX_UPLOAD_BYTES + _AROUND_A_FILE:
            return problem_response(413, "too_large", "The body is too large.")
        return self.get_response(request)


class ProblemMiddleware:
    """Answers what views that are not DRF's raise: the admin's sign-in, a busy base."""

    def __init__(self, get_response: _Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        is_told = isinstance(exception, DomainError | OperationalError)
        if not is_told and not lacks_migrations(exception):
            return None
        answer = answer_to(exception)
        return shown_to(request, answer) if wants_page(request) else answer


class SecurityHeadersMiddleware:
    """Sets security and cache headers."""

    def __init__(self, get_response: _Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = _ADMIN if request.path.startswith("/admin/") else _STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        if request.path.startswith("/api/v1/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
            patch_vary_headers(response, ["Authorization", "Cookie"])
        return response


def _context(request: HttpRequest) -> RequestContext:
    given = request.headers.get("X-Request-ID", "")
    return RequestContext(
        given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex,
        _address(request),
        via=_via(request.path),
        span=request_log.span_of(request.headers.get("traceparent", "")),
    )


def _shown(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    return shown_to(request, answer) if wants_page(request) else answer


def _via(path: str) -> str:
    """Return by which door a request comes; the third one is the MLflow protocol's."""
    if path.startswith("/api/v1/"):
        return "rest"
    is_admin = path.startswith(("/admin/", "/sign-in/", "/sign-out/"))
    return "admin" if is_admin else "mlflow"


def _length(request: HttpRequest) -> int:
    """Return what the client says it will send; nothing is read yet."""
    text = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(text) if text.isdecimal() else 0


def _address(request: HttpRequest) -> str:
    """Return the caller's address; behind our proxy, the one that it saw."""
    if settings.BEHIND_PROXY:
        seen = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if seen:
            return seen[:64]
    return str(request.META.get("REMOTE_ADDR", ""))
