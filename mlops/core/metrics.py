"""Prometheus metrics of a web process; apps register their own gauges.

Counters live in the process. With several web workers, PROMETHEUS_MULTIPROC_DIR
makes prometheus_client share them through files.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from rest_framework.exceptions import APIException

from mlops.core.authentication import user_of_request
from mlops.core.context import current
from mlops.core.errors import DomainError
from mlops.core.problems import answer_to
from mlops.core.request_log import route_of

logger = logging.getLogger(__name__)

Source = Callable[[], Iterable[Metric]]
_Answer = Callable[[HttpRequest], HttpResponse]
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_LOOPBACK = frozenset({"127.0.0.1", "::1"})

REGISTRY = CollectorRegistry(auto_describe=False)
REQUESTS = Counter(
    "mlops_http_requests",
    "Requests answered, by route, method and status.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
LATENCY = Histogram(
    "mlops_http_request_duration_seconds",
    "Time to answer, by route and method.",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)


class _Gauges(Collector):
    """Reads the apps' gauges at each scrape, so that they are always current."""

    def __init__(self) -> None:
        self.sources: list[Callable[[], Iterable[Metric]]] = []

    def collect(self) -> Iterable[Metric]:
        """Yield what each source has; without the database the others are left."""
        for source in self.sources:
            try:
                yield from list(source())
            except DatabaseError:
                logger.warning("Metrics are left out: the database did not answer")


_gauges, _in_worker = _Gauges(), _Gauges()
REGISTRY.register(_gauges)


def register_gauges(source: Source, *, in_worker: bool = False) -> None:
    """Add metric families that are read at each scrape; call it once per app.

    The worker's own page has only those that are of use to it.
    """
    _gauges.sources.append(source)
    if in_worker:
        _in_worker.sources.append(source)


def worker_registry(*own: Source) -> CollectorRegistry:
    """Return what the worker's page shows: its own sources and those for both."""
    made, first = CollectorRegistry(auto_describe=False), _Gauges()
    first.sources.extend(own)
    made.register(first)
    made.register(_in_worker)
    return made


def observe(route: str, method: str | None, status: int, seconds: float) -> None:
    """Count one answer. `route` is a pattern, never a path, or series never end."""
    requests, latency = _series(
        route, method if method in _METHODS else "other", status
    )
    requests.inc()
    latency.observe(seconds)


@lru_cache(maxsize=8192)
def _series(route: str, method: str | None, status: int) -> tuple[Counter, Histogram]:
    """Return the series of an answer; finding them costs more than counting in them."""
    requests = REQUESTS.labels(route, method, str(status))
    return requests, LATENCY.labels(route, method)


class MetricsMiddleware:
    """Counts every answer by the pattern of its route."""

    def __init__(self, get_response: _Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        taken = time.perf_counter() - started
        observe(route_of(request), request.method, response.status_code, taken)
        return response


def view(request: HttpRequest) -> HttpResponse:
    """Answer a scrape of a web process."""
    return page_for(request, current.get().remote_address, _registry)


def page_for(
    request: HttpRequest, address: str, registry: Callable[[], CollectorRegistry]
) -> HttpResponse:
    """Answer a scrape: from this machine, or with any account's credentials."""
    if address not in _LOOPBACK:
        try:
            user_of_request(request)
        except (APIException, DomainError, DatabaseError) as error:
            return answer_to(error)
    page = generate_latest(registry())
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # theirs
    shared.register(_gauges)
    return shared
