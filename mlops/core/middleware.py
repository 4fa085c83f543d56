"""Gives each request an id, and unknown characters in a path a clear answer."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from mlops.core.context import RequestContext, current
from mlops.core.problems import problem_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestContextMiddleware:
    """Keeps a sane `X-Request-ID` from the client or makes one; returns it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        address = request.META.get("REMOTE_ADDR", "")
        reset = current.set(RequestContext(request_id, address))
        try:
            response = self._respond(request)
        finally:
            current.reset(reset)
        response["X-Request-ID"] = request_id
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path:
            return problem_response(400, "bad_path", "The path holds a NUL character.")
        return self.get_response(request)
