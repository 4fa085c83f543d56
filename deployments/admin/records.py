"""What the server recorded: events and traffic, to be read only."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from deployments.models import DeploymentEvent, TrafficWindow
from mlops.core.admin import ReadOnly


@admin.register(DeploymentEvent)
class DeploymentEventAdmin(ReadOnly):
    list_display = (
        "at",
        "deployment",
        "sequence",
        "from_status",
        "to_status",
        "mover",
        "actor",
        "message",
    )
    list_filter = ("to_status", "mover", "deployment__slot__environment", "at")
    search_fields = ("=deployment__id", "message", "deployment__slot__model__name")
    list_select_related = ("deployment__slot__model", "actor")
    ordering = ("-pk",)


@admin.register(TrafficWindow)
class TrafficWindowAdmin(ReadOnly):
    list_display = (
        "starts_at",
        "seconds",
        "deployment",
        "gateway",
        "request_count",
        "error_rate",
        "client_error_count",
        "rejected_count",
        "unavailable_count",
        "non_finite_count",
        "mean_ms",
        "max_ms",
    )
    list_filter = ("seconds", "deployment__slot__environment", "starts_at")
    search_fields = ("=deployment__id", "deployment__slot__model__name")
    list_select_related = ("deployment__slot__model",)
    ordering = ("-starts_at", "-pk")

    @admin.display(description=_("error rate"))
    def error_rate(self, window: TrafficWindow) -> str:
        return f"{window.figures.error_rate:.2%}"

    @admin.display(description=_("mean (ms)"))
    def mean_ms(self, window: TrafficWindow) -> str:
        mean = window.figures.avg_latency_ms
        return "—" if mean is None else f"{mean:.2f}"
