"""The short way in: MLflow's addresses skip what only browsers need.

A training run sends thousands of small requests. Sessions, languages, CORS, CSRF and
messages are nothing to them; the request id (made before), the host check and the
headers of caution stay. Addresses with a variable part go the usual way.
"""

import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from lifecycle.mlflow.urls import EXACT
from mlops.core.metrics import observe

_DOORS: Final = {f"/{address}": door for address, door in EXACT.items()}


class MlflowDoor:
    """Answers a known address of the protocol; passes everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        door = _DOORS.get(request.path_info)
        if door is None or (settings.SECURE_SSL_REDIRECT and not request.is_secure()):
            return self.get_response(request)
        start = time.perf_counter()
        response = door(request)
        taken = time.perf_counter() - start
        observe(request.path_info, request.method, response.status_code, taken)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "private, no-store"
        return response
