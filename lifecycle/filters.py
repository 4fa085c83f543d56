"""Query filters of the lists."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from lifecycle.labels import split
from lifecycle.models import DriftEvent, Experiment, MetricPoint, ModelVersion, Run
from lifecycle.states import (
    DriftSeverity,
    ExperimentStatus,
    ModelStage,
    RunStatus,
    ShownRunStatus,
)
from lifecycle.times import to_ms_up
from mlops.core import rfc3339
from mlops.core.errors import BadQuery
from mlops.core.filters import DayOrTimeFilter

Rows = QuerySet[Any]

TAGS_HELP = "Tags, parted by commas, all of which it has: `name` or `name=value`."


class ExperimentFilter(django_filters.FilterSet):
    owner = django_filters.CharFilter("owner__username", help_text="User name.")
    status = django_filters.CharFilter(
        method="of_status",
        help_text=(
            "active or archived; or the state of the newest run: running, completed, "
            "failed, cancelled."
        ),
    )
    search = django_filters.CharFilter(
        method="of_text", help_text="Part of the name or description."
    )
    tags = django_filters.CharFilter(method="of_tags", help_text=TAGS_HELP)
    date_from = DayOrTimeFilter(method="made_from")
    date_to = DayOrTimeFilter(method="made_to")

    class Meta:
        model = Experiment
        fields: tuple[str, ...] = ()

    def of_status(self, rows: Rows, name: str, value: str) -> Rows:
        if value in ExperimentStatus.values:
            return rows.filter(status=value)
        if value in ShownRunStatus.values:
            return rows.filter(latest_status__in=stored_statuses([value]))
        allowed = ", ".join([*ExperimentStatus.values, *ShownRunStatus.values])
        raise BadQuery(f"status must be one of: {allowed}.", field="status")

    def of_text(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(Q(name__icontains=value) | Q(description__icontains=value))

    def of_tags(self, rows: Rows, name: str, value: str) -> Rows:
        return _tagged(rows, value, "tags__key__name")

    def made_from(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(created_at__gte=_moment(name, value))

    def made_to(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(created_at__lt=_after(name, value))


class RunFilter(django_filters.FilterSet):
    experiment_name = django_filters.CharFilter(
        method="of_experiment", help_text="Name or id."
    )
    statuses = django_filters.MultipleChoiceFilter(
        choices=ShownRunStatus.choices, method="of_statuses"
    )
    tags = django_filters.CharFilter(method="of_tags", help_text=TAGS_HELP)
    date_from = DayOrTimeFilter(method="started_from")
    date_to = DayOrTimeFilter(method="started_to")

    class Meta:
        model = Run
        fields: tuple[str, ...] = ()

    def of_experiment(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(experiment=Experiment.objects.matching(value))

    def of_statuses(self, rows: Rows, name: str, value: list[str]) -> Rows:
        return rows.filter(status__in=stored_statuses(value)) if value else rows

    def of_tags(self, rows: Rows, name: str, value: str) -> Rows:
        return _tagged(rows, value, "tags__key__name")

    def started_from(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(started_ms__gte=to_ms_up(_moment(name, value)))

    def started_to(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(started_ms__lt=to_ms_up(_after(name, value)))


class ModelVersionFilter(django_filters.FilterSet):
    model_name = django_filters.CharFilter("model__name")
    stage = django_filters.ChoiceFilter(choices=ModelStage.choices)
    experiment_name = django_filters.CharFilter("run__experiment__name")
    run_id = django_filters.CharFilter("run__uid")
    search = django_filters.CharFilter(
        method="of_text", help_text="Part of the model's name or the description."
    )
    tags = django_filters.CharFilter(method="of_tags", help_text=TAGS_HELP)
    date_from = DayOrTimeFilter(method="made_from")
    date_to = DayOrTimeFilter(method="made_to")

    class Meta:
        model = ModelVersion
        fields: tuple[str, ...] = ()

    def of_text(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(
            Q(model__name__icontains=value) | Q(description__icontains=value)
        )

    def of_tags(self, rows: Rows, name: str, value: str) -> Rows:
        return _tagged(rows, value, "tags__key")

    def made_from(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(created_at__gte=_moment(name, value))

    def made_to(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(created_at__lt=_after(name, value))


class DriftEventFilter(django_filters.FilterSet):
    model_name = django_filters.CharFilter("version__model__name")
    version = django_filters.CharFilter("version__version")
    severity = django_filters.ChoiceFilter(choices=DriftSeverity.choices)

    class Meta:
        model = DriftEvent
        fields: tuple[str, ...] = ()


class MetricPointFilter(django_filters.FilterSet):
    dataset = django_filters.CharFilter("dataset", help_text="Points on this dataset.")

    class Meta:
        model = MetricPoint
        fields: tuple[str, ...] = ()


def stored_statuses(shown: list[str]) -> list[str]:
    """Return the stored states behind the shown ones: scheduled shows as running."""
    scheduled = [RunStatus.SCHEDULED] if RunStatus.RUNNING in shown else []
    return [*shown, *scheduled]


def _tagged(rows: Rows, value: str, key_path: str) -> Rows:
    for text in filter(None, (part.strip() for part in value.split(","))):
        key, wanted = split(text)
        match = {key_path: key} | ({"tags__value": wanted} if wanted else {})
        rows = rows.filter(**match)
    return rows


def _moment(name: str, value: str) -> datetime:
    """Return the moment meant; raises BadQuery."""
    return _parsed(name, value)[0]


def _after(name: str, value: str) -> datetime:
    """Return the first moment that is too late for an inclusive end."""
    moment, is_day = _parsed(name, value)
    grain = timedelta(days=1) if is_day else timedelta(microseconds=1)
    try:
        return moment + grain
    except OverflowError:
        return moment


def _parsed(name: str, value: str) -> tuple[datetime, bool]:
    if day := rfc3339.day(value):
        return _midnight(day), True
    if moment := rfc3339.asked(value):
        return moment, False
    raise BadQuery(
        f"{name} must be an RFC 3339 date, or a time with a zone.", field=name
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
