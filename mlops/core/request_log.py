"""What the log says of requests: a line for each, and refusals in one line."""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject

from mlops import __version__
from mlops.core.context import RequestContext, current
from mlops.otlp import SpanExporter, attributes_of
from mlops.tracing import TraceSpan

logger = logging.getLogger("mlops.access")

FIELDS, ROUTE, CALLER = "mlops.log_fields", "mlops.route", "mlops.caller"
"""Keys of `META`: a request's log fields, its route's pattern, its caller's name."""
PROBES = frozenset({"healthz", "readyz", "metrics"})
BROKEN = 500


def fields_of(context: RequestContext) -> Mapping[str, Any]:
    """Return what every line says that is written while a request is answered."""
    own = {"request_id": context.request_id}
    return own | context.span.fields if context.span else own


def route_of(request: HttpRequest) -> str:
    """Return the pattern of a request's route, never its path."""
    if route := request.META.get(ROUTE):
        return str(route)
    match = request.resolver_match
    return match.route if match else "unknown"


def note(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Write the line of an answered request; of a probe only if it failed."""
    route, status = route_of(request), response.status_code
    if route in PROBES and status < BROKEN:
        return
    extra = {
        **request.META.get(FIELDS, {}),
        "user": _name_of_caller(request),
        "method": request.method,
        "route": route,
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
    }
    if settings.ACCESS_LOG:
        ms = seconds * 1000
        logger.info("%s %s %d %.1f ms", request.method, route, status, ms, extra=extra)
    span = current.get().span
    if span is not None and (spans := exporter()) is not None:
        spans.offer(span, f"{request.method} {route}", seconds, attributes_of(extra))


def span_of(traceparent: str) -> TraceSpan | None:
    """Return a span of this process: in the caller's trace, or where spans are sent."""
    given = TraceSpan.below(traceparent)
    return TraceSpan.root() if given is None and exporter() is not None else given


@cache
def exporter() -> SpanExporter | None:
    """Return what sends this process's spans, None if nobody asked for that."""
    if not settings.OTLP_ENDPOINT:
        return None
    endpoint, headers = settings.OTLP_ENDPOINT, settings.OTLP_HEADERS
    return SpanExporter(endpoint, headers, "mlops-web", __version__)


def _name_of_caller(request: HttpRequest) -> str:
    """Return who asks, "" for nobody; what nobody asked for is not looked up now."""
    if name := request.META.get(CALLER):
        return str(name)
    user = request.__dict__.get("_cached_user") or request.__dict__.get("user")
    return "" if isinstance(user, LazyObject) else getattr(user, "username", "")


class ShortRefusals(logging.Filter):
    """Takes the traceback from what is only a refused request.

    Django logs one for each 403 of a page and each wrong Host.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Give a line of Django's about a request that request's fields."""
        request = getattr(record, "request", None)
        if not isinstance(request, HttpRequest):
            return True
        for name, value in request.META.get(FIELDS, {}).items():
            record.__dict__.setdefault(name, value)
        record.status = status = getattr(record, "status_code", None)
        if status is not None and status < BROKEN:
            record.exc_info = record.exc_text = None
        return True
