"""Fast path: the MLflow protocol's URLs skip the middleware that browsers need.

A training run sends thousands of small requests, which need no session, language,
CORS, CSRF or messages; the request id (made before), the host check and the security
headers stay. Of the URLs with a variable part only uploads take the fast path.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from lifecycle.mlflow.page_requests import PREFIX
from lifecycle.mlflow.urls import EXACT, STORED
from mlops.core.metrics import observe
from mlops.core.request_log import ROUTE

_Answer = Callable[[HttpRequest], HttpResponseBase]
_ENDPOINTS: Final = {
    f"/{prefix}{address}": view
    for prefix in ("", PREFIX)
    for address, view in EXACT.items()
}
_UPLOADS: Final = {f"/{root}/": view for root, view in STORED.items()}


class MlflowFastPathMiddleware:
    """Answers a known address of the protocol; passes everything else on."""

    def __init__(self, get_response: _Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        found = _found(request)
        if found is None or (settings.SECURE_SSL_REDIRECT and not request.is_secure()):
            return self.get_response(request)
        route, view = found
        request.META[ROUTE] = route
        start = time.perf_counter()
        response = view(request)
        taken = time.perf_counter() - start
        observe(route, request.method, response.status_code, taken)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "private, no-store"
        return response


def _found(request: HttpRequest) -> tuple[str, _Answer] | None:
    """Return the URL pattern, as metrics label it, and its route."""
    path = request.path_info
    if (view := _ENDPOINTS.get(path)) is not None:
        return path, view
    if request.method == "PUT":
        for root, stored in _UPLOADS.items():
            if path.startswith(root) and path != root:
                inner = partial(stored, path=path.removeprefix(root))
                return f"{root}<path:path>", inner
    return None
