"""What the dashboard shows, read from the apps' querysets into series."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import Case, Count, DateField, F, Func, Sum, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from datasets.models import DatasetVersion
from deployments.models import Deployment, TrafficWindow
from deployments.models.figures import Figures
from deployments.models.queries import BY_IMPORTANCE
from deployments.models.traffic import EPOCH, HOUR_S, MINUTE_S
from deployments.models.watch import Watch
from deployments.states import IN_PROGRESS, Health, Status
from lifecycle.models import DriftEvent, Experiment, Run
from lifecycle.states import DriftSeverity, RunStatus
from mlops.dashboard.series import ChartLine, ChartShare, Series

STEPS_S = {1: MINUTE_S, 24: HOUR_S, 168: 3 * HOUR_S}
"""How long a point lasts, by the hours shown. Hours are kept added up."""
SHOWN = ("histogram",)
"""Of the histograms: waits for a processor are part of what callers see."""
DAYS = 14
DAY_MS = 86_400_000
DRIFT_DAYS = 30
SHORT_SPAN_HOURS = 24
SHOWN_SERVING = 25
TONES = {
    Status.ACTIVE: "good",
    Status.FAILED: "bad",
    DriftSeverity.LOW: "quiet",
    DriftSeverity.MEDIUM: "primary",
    DriftSeverity.HIGH: "warn",
    DriftSeverity.CRITICAL: "bad",
}


def traffic(hours: int) -> tuple[Series, Series]:
    """Return requests and latencies of the last hours, a point for each step."""
    step_s = STEPS_S[hours]
    count = hours * HOUR_S // step_s
    now = int(timezone.now().timestamp())
    start = datetime.fromtimestamp((now // step_s - count + 1) * step_s, tz=UTC)
    points = TrafficWindow.objects.series(start, step_s, count, SHOWN)
    form = "%H:%M" if hours <= SHORT_SPAN_HOURS else "%m-%d %Hh"
    starts = (start + timedelta(seconds=step_s * number) for number in range(count))
    labels = [f"{moment:{form}}" for moment in starts]
    return _requests(labels, points), _latencies(labels, points)


def _requests(labels: list[str], points: list[Figures]) -> Series:
    answered = [figures.reached_count - figures.error_count for figures in points]
    lines = [
        ChartLine(_("answered"), answered),
        ChartLine(_("failed"), [figures.error_count for figures in points], tone="bad"),
        ChartLine(
            _("nothing ready"),
            [figures.unavailable_count for figures in points],
            tone="warn",
        ),
        ChartLine(
            _("turned away"), [figures.rejected_count for figures in points], "quiet"
        ),
    ]
    return Series(labels, lines)


def _latencies(labels: list[str], points: list[Figures]) -> Series:
    lines = [
        ChartLine("p50", [figures.percentile_ms(0.5) for figures in points]),
        ChartLine("p95", [figures.p95_latency_ms for figures in points], tone="warn"),
    ]
    return Series(labels, lines, unit="ms")


def deployments_by_status() -> list[ChartShare]:
    """Return how many deployments stand where, in the order of a deployment's life."""
    counts = dict(
        Deployment.objects.order_by().values_list("status").annotate(Count("pk"))
    )
    page = reverse("admin:deployments_deployment_changelist")
    return [
        ChartShare(
            str(status.label),
            counts.get(status, 0),
            tone=TONES.get(status, "primary" if status in IN_PROGRESS else "quiet"),
            url=f"{page}?status__exact={status}",
        )
        for status in Status
    ]


def runs_per_day() -> Series:
    """Return the runs that started on each of the last 14 days, failed ones apart."""
    days = _last_days(DAYS)
    start = datetime.combine(days[0], datetime.min.time(), tzinfo=UTC)
    # Not by a join: deleted experiments are looked up once, not for each run.
    gone = Experiment.objects.exclude(deleted_at=None)
    started = (
        Run.objects.filter(deleted_ms=None)
        .exclude(experiment__in=gone)
        .filter(started_ms__gte=int(start.timestamp() * 1000))
        .order_by()
        .annotate(day=F("started_ms") / DAY_MS)
        .values_list("day", "status")
        .annotate(Count("pk"))
    )
    good, bad = Counter[str](), Counter[str]()
    for number, status, count in started:
        day = f"{EPOCH + timedelta(days=number):%m-%d}"
        (bad if status == RunStatus.FAILED else good)[day] += count
    labels = [f"{day:%m-%d}" for day in days]
    lines = [
        ChartLine(_("runs"), [good[label] for label in labels]),
        ChartLine(_("failed"), [bad[label] for label in labels], tone="bad"),
    ]
    return Series(labels, lines)


def drift_by_severity() -> list[ChartShare]:
    """Return the drift events of the last 30 days, the worst first."""
    since = timezone.now() - timedelta(days=DRIFT_DAYS)
    counts = dict(
        DriftEvent.objects.filter(detected_at__gte=since)
        .order_by()
        .values_list("severity")
        .annotate(Count("pk"))
    )
    page = reverse("admin:lifecycle_driftevent_changelist")
    return [
        ChartShare(
            str(severity.label),
            counts.get(severity, 0),
            tone=TONES[severity],
            url=f"{page}?severity__exact={severity}",
        )
        for severity in reversed(DriftSeverity)
    ]


def stored_rows() -> Series:
    """Return how many rows the catalogue held at the end of each of 14 days."""
    days = _last_days(DAYS)
    ready = DatasetVersion.objects.holding_bytes()
    start = datetime.combine(days[0], datetime.min.time(), tzinfo=UTC)
    added = dict(
        ready.filter(ready_at__gte=start)
        .order_by()
        # Days of UTC, as both databases know them: Django's own would be a call of
        # Python for each version on SQLite.
        .annotate(day=Func(F("ready_at"), function="DATE", output_field=DateField()))
        .values_list("day")
        .annotate(Sum("row_count"))
    )
    before = ready.filter(ready_at__lt=start).aggregate(rows=Sum("row_count"))
    total, held = before["rows"] or 0, []
    for day in days:
        total += added.get(day, 0)
        held.append(total)
    return Series([f"{day:%m-%d}" for day in days], [ChartLine(_("rows"), held)])


@dataclass(frozen=True, slots=True)
class Serving:
    """A deployment that answers requests, its last 24 hours and its health now."""

    deployment: Deployment
    figures: Figures
    health: Health

    @property
    def errors(self) -> str:
        return percent(self.figures.error_rate)

    @property
    def unavailable(self) -> str:
        return percent(self.figures.unavailable_rate)

    @property
    def p50_ms(self) -> float | None:
        return self.figures.percentile_ms(0.5)

    @property
    def requests(self) -> str:
        return f"{self.figures.request_count:,}"


def serving_now() -> list[Serving]:
    """Return what answers requests, production first; at most SHOWN_SERVING."""
    rank = Case(
        *(
            When(slot__environment=environment, then=place)
            for place, environment in enumerate(BY_IMPORTANCE)
        ),
        default=len(BY_IMPORTANCE),
    )
    routed = Deployment.objects.with_traffic().detailed()
    serving = list(routed.order_by(rank, "slot__model__name")[:SHOWN_SERVING])
    counted = _last_day([one.pk for one in serving])
    watch = Watch.read()
    return [
        Serving(one, counted.get(one.pk, Figures()), watch.health_of(one))
        for one in serving
    ]


def percent(rate: float) -> str:
    """Return a rate in percent; what is not zero never looks like it."""
    least = 0.0001
    return f"<{least:.2%}" if 0 < rate < least else f"{rate:.2%}"


def _last_day(deployments: list[UUID]) -> dict[UUID, Figures]:
    since = timezone.now() - timedelta(hours=SHORT_SPAN_HOURS)
    windows = TrafficWindow.objects.hours().since(since)
    return dict(
        windows.filter(deployment__in=deployments).counted_together("deployment", SHOWN)
    )


def _last_days(count: int) -> list[date]:
    today = timezone.now().astimezone(UTC).date()
    return [today - timedelta(days=back) for back in reversed(range(count))]
