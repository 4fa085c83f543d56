"""Prometheus metrics of deployments: the same numbers as the API."""

import math
import uuid
from collections.abc import Iterable, Mapping

from django.db.models import Count
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from deployments.models import Deployment, TrafficWindow
from deployments.models.figures import Figures
from deployments.models.watch import Watch
from deployments.serving.histogram import LAST, upper_ms
from deployments.states import Environment, Health, Status

LABELS = ("model", "environment", "version", "deployment")
BUCKETS = range(0, LAST, 8)


def families() -> Iterable[Metric]:
    """Yield counts of deployments, and the traffic of those that have a route."""
    yield _by_status()
    rows = list(Deployment.objects.with_traffic().detailed().order_by("created_at"))
    totals = TrafficWindow.objects.totals(one.pk for one in rows)
    watch = Watch.read()
    yield _health(rows, watch)
    yield _ages(rows, watch)
    yield _reconciler(watch)
    yield from _counters(rows, totals)
    yield _latency(rows, totals)


def _by_status() -> Metric:
    family = GaugeMetricFamily(
        "mlops_deployments",
        "Deployments by environment and status.",
        labels=("environment", "status"),
    )
    rows = Deployment.objects.order_by().values_list("slot__environment", "status")
    counts = {
        (place, status): count
        for place, status, count in rows.annotate(count=Count("pk"))
    }
    for place in Environment.values:
        for status in Status.values:
            family.add_metric((place, status), counts.get((place, status), 0))
    return family


def _health(rows: list[Deployment], watch: Watch) -> Metric:
    family = GaugeMetricFamily(
        "mlops_deployment_healthy",
        "1 healthy, 0.5 degraded (also what nobody watches), 0 unhealthy.",
        labels=LABELS,
    )
    worth = {Health.HEALTHY: 1.0, Health.DEGRADED: 0.5, Health.UNHEALTHY: 0.0}
    for one in rows:
        family.add_metric(_labels(one), worth[watch.health_of(one)])
    return family


def _ages(rows: list[Deployment], watch: Watch) -> Metric:
    family = GaugeMetricFamily(
        "mlops_deployment_judged_age_seconds",
        "Time since a reconciler last looked at it, to within five seconds.",
        labels=LABELS,
    )
    for one in rows:
        if one.judged_at is not None:
            age = (watch.now - one.judged_at).total_seconds()
            family.add_metric(_labels(one), max(age, 0.0))
    return family


def _reconciler(watch: Watch) -> Metric:
    family = GaugeMetricFamily(
        "mlops_reconciler_age_seconds",
        "Time since a reconciler last looked at anything; NaN if none ever did.",
    )
    age = watch.age_s
    family.add_metric((), math.nan if age is None else age)
    return family


def _counters(
    rows: list[Deployment], totals: Mapping[uuid.UUID, Figures]
) -> Iterable[Metric]:
    for name, text in (
        ("request", "Answered inference calls."),
        ("error", "Calls that the model failed or that timed out."),
        ("client_error", "Calls that were the client's mistake."),
        ("rejected", "Calls that overload turned away."),
        ("unavailable", "Calls that found no instance ready."),
        ("non_finite", "Calls answered with a NaN or an infinity."),
    ):
        family = CounterMetricFamily(f"mlops_inference_{name}", text, labels=LABELS)
        for one in rows:
            count = getattr(totals.get(one.pk, Figures()), f"{name}_count")
            family.add_metric(_labels(one), count)
        yield family


def _latency(rows: list[Deployment], totals: Mapping[uuid.UUID, Figures]) -> Metric:
    family = HistogramMetricFamily(
        "mlops_inference_duration_seconds",
        "Latency as measured by the gateway.",
        labels=LABELS,
    )
    for one in rows:
        total = totals.get(one.pk, Figures())
        buckets = _cumulative(total.histogram)
        family.add_metric(_labels(one), buckets, total.sum_ms / 1000)
    return family


def _cumulative(histogram: Mapping[str, int]) -> list[tuple[str, float]]:
    counts = sorted((int(number), count) for number, count in histogram.items())
    bounded = [
        (
            f"{upper_ms(last) / 1000:.6g}",
            float(sum(count for number, count in counts if number <= last)),
        )
        for last in BUCKETS
    ]
    return [*bounded, ("+Inf", float(sum(count for _, count in counts)))]


def _labels(one: Deployment) -> tuple[str, str, str, str]:
    version = one.model_version.version
    return one.slot.model.name, one.environment, version, str(one.pk)
