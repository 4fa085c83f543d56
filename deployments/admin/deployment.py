"""Deployments: the list, the form that asks for one, and what can be done to one."""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline
from unfold.decorators import display

from deployments.admin.actions import ListActions
from deployments.admin.forms import DeployForm
from deployments.admin.sparkline import requests_per_minute, sparkline
from deployments.admin.work import DeploymentWork
from deployments.journal import journal
from deployments.models import Deployment, DeploymentEvent, TrafficWindow
from deployments.models.figures import Figures
from deployments.models.queries import DeploymentQuerySet
from deployments.models.watch import Watch
from deployments.plan import MAX_CONCURRENCY, TIMEOUT_S
from deployments.states import FINAL, Health, Status
from lifecycle.models import ModelVersion
from mlops.core.admin.base import EMPTY, link_to, made_once, shown_bytes, staff
from mlops.core.ids import as_uuid

LOG_LINES = 50
ENDING = "ending"
STATUS_COLOURS = {
    ENDING: "warning",
    Status.PENDING: "info",
    Status.VALIDATING: "info",
    Status.DEPLOYING: "info",
    Status.ACTIVE: "success",
    Status.FAILED: "danger",
    Status.ROLLBACK: "warning",
    Status.TERMINATED: "default",
}
HEALTH_COLOURS = {
    Health.HEALTHY: "success",
    Health.DEGRADED: "warning",
    Health.UNHEALTHY: "danger",
}


class HealthFilter(admin.SimpleListFilter):
    """By the displayed health, which may differ from the stored one."""

    title = _("health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(health), str(health.label)) for health in Health]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Deployment]
    ) -> QuerySet[Deployment]:
        rows = cast("DeploymentQuerySet", queryset)
        health = self.value()
        return (
            rows.with_health(health, is_watched=Watch.read().is_kept)
            if health
            else rows
        )


class EventInline(TabularInline):
    model = DeploymentEvent
    fields = readonly_fields = (
        "sequence",
        "at",
        "from_status",
        "to_status",
        "mover",
        "actor",
        "message",
    )
    extra = 0
    can_delete = False
    ordering = ("sequence",)
    verbose_name_plural = _("timeline")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeploymentEvent]:
        events: QuerySet[DeploymentEvent] = super().get_queryset(request)
        return events.select_related("actor")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Deployment)
class DeploymentAdmin(DeploymentWork, ListActions):
    """Read-only: deployments are requested, and their verbs change them."""

    list_display = (
        "model_name",
        "version",
        "environment_name",
        "revision",
        "status_badge",
        "health_badge",
        "traffic",
        "created_by",
        "created_at",
    )
    list_filter = (
        "status",
        HealthFilter,
        "slot__environment",
        "created_by",
        "created_at",
    )
    search_fields = (
        "=id",
        "slot__model__name",
        "model_version__version",
        "=model_version__run__uid",
        "notes",
    )
    list_select_related = ("slot__model", "model_version__model", "created_by")
    inlines = (EventInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("status", "health_now"),
                    "pending_end",
                    ("health_reason_now", "judged_at"),
                    ("model_version", "run"),
                    ("slot", "revision"),
                    "endpoint",
                    "figures",
                    "error_message",
                )
            },
        ),
        (
            _("what was asked for"),
            {
                "fields": (
                    ("instances", "instance_type", "auto_scaling"),
                    ("min_instances", "max_instances"),
                    "limits",
                    ("strategy", "traffic_percent", "is_paused"),
                    ("notes", "reason"),
                    "artifact",
                    "artifact_sha256",
                )
            },
        ),
        (
            _("history"),
            {
                "fields": (
                    ("created_by", "created_at"),
                    ("deployed_at", "terminated_at"),
                    ("rollback_from", "restores", "superseded_by"),
                    "log",
                )
            },
        ),
    )

    # What people do ---------------------------------------------------------------

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask for a deployment; `?model_version=<id>` fills the form in."""
        if not self.has_add_permission(request):
            raise PermissionDenied

        def deploy(form: DeployForm) -> HttpResponse:
            deployment = Deployment.request(
                form.cleaned_data["model_version"],
                form.cleaned_data["environment"],
                by=staff(request),
                plan=form.plan(),
                notes=form.cleaned_data["notes"] or None,
            )
            return self.to_page(deployment.pk)

        initial = {"model_version": _wanted_version(request)}
        form = DeployForm(request.POST or None, initial=initial)
        page = {"title": _("Deploy a model version"), "button": _("Deploy")}
        return self.form_page(request, form, deploy, page)

    # What is shown ----------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deployment]:
        rows: QuerySet[Deployment] = super().get_queryset(request)
        return rows.select_related(
            "slot__model", "model_version__model", "model_version__run", "created_by"
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Fetch the traffic of the whole page in one query."""
        page = super().get_changelist_instance(request)
        watch = Watch.read()
        counts = requests_per_minute([row.pk for row in page.result_list])
        for row in page.result_list:
            row.recent_requests = counts[row.pk]
            row.watch = watch
        return page

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **options: Any
    ) -> Any:
        """Show no button that would save: nothing here can be."""
        hidden = ("show_save", "show_save_and_continue", "show_save_and_add_another")
        context |= dict.fromkeys(hidden, False)
        return super().render_change_form(request, context, *args, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return tuple(flatten_fieldsets(self.get_fieldsets(request, obj)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("model"), ordering="slot__model__name")
    def model_name(self, deployment: Deployment) -> str:
        return str(deployment.slot.model.name)

    @admin.display(description=_("version"), ordering="model_version__version")
    def version(self, deployment: Deployment) -> str:
        return deployment.model_version.version

    @admin.display(description=_("environment"), ordering="slot__environment")
    def environment_name(self, deployment: Deployment) -> str:
        return str(deployment.slot.get_environment_display())

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, deployment: Deployment) -> tuple[str, str]:
        word = str(deployment.get_status_display())
        if not deployment.ends_as:
            return deployment.status, word
        texts = {"status": word, "end": deployment.get_ends_as_display()}
        return ENDING, _("%(status)s, to be %(end)s") % texts

    @staticmethod
    def _watch(deployment: Any) -> Watch:
        watch: Watch = deployment.watch
        return watch

    @display(description=_("health"), ordering="health", label=HEALTH_COLOURS)
    def health_badge(self, deployment: Deployment) -> tuple[str, str]:
        """Return the word, and none for what has ended: it is not ill, it is over."""
        if deployment.status in FINAL:
            return "", EMPTY
        health = self._watch(deployment).health_of(deployment)
        return health, str(health.label)

    @admin.display(description=_("its end"))
    @made_once
    def pending_end(self, deployment: Deployment) -> str:
        undoing = Deployment.objects.undoing([deployment.pk]).get(deployment.pk)
        return Watch.read().pending_end_of(deployment, undoing) or EMPTY

    @admin.display(description=_("health"))
    @made_once
    def health_now(self, deployment: Deployment) -> str:
        return str(Watch.read().health_of(deployment).label)

    @admin.display(description=_("why it is not healthy"))
    @made_once
    def health_reason_now(self, deployment: Deployment) -> str:
        return Watch.read().reason_of(deployment) or EMPTY

    @admin.display(description=_("traffic, last hour"))
    def traffic(self, deployment: Any) -> SafeString | str:
        return sparkline(deployment.recent_requests)

    @admin.display(description=_("run"))
    @made_once
    def run(self, deployment: Deployment) -> SafeString | str:
        return link_to(deployment.model_version.run)

    @admin.display(description=_("endpoint"))
    def endpoint(self, deployment: Deployment) -> str:
        return deployment.endpoint

    @admin.display(description=_("limits of a call"))
    def limits(self, deployment: Deployment) -> str:
        limits = deployment.plan.limits
        size = limits.max_body_bytes or settings.MAX_BODY_BYTES
        return _("%(time)s s, %(count)s at once in an instance, %(size)s") % {
            "time": limits.timeout_s or TIMEOUT_S,
            "count": limits.max_concurrency or MAX_CONCURRENCY,
            "size": shown_bytes(size),
        }

    @admin.display(description=_("figures"))
    @made_once
    def figures(self, deployment: Deployment) -> str:
        totals = TrafficWindow.objects.totals([deployment.pk])
        found = totals.get(deployment.pk, Figures())
        p95 = found.p95_latency_ms
        texts = {
            "requests": f"{found.request_count:,}",
            "errors": 100 * found.error_rate,
            "unavailable": 100 * found.unavailable_rate,
            "refused": f"{found.client_error_count:,}",
            "odd": f"{found.non_finite_count:,}",
            "mean": found.avg_latency_ms or 0.0,
            "p95": EMPTY if p95 is None else f"{p95:.2f} ms",
        }
        return (
            ngettext(
                "%(requests)s request, %(errors).2f %% failed, %(unavailable).2f %% "
                "found nothing ready, %(refused)s refused, %(odd)s answered NaN or "
                "infinity, mean %(mean).2f ms, p95 %(p95)s",
                "%(requests)s requests, %(errors).2f %% failed, %(unavailable).2f %% "
                "found nothing ready, %(refused)s refused, %(odd)s answered NaN or "
                "infinity, mean %(mean).2f ms, p95 %(p95)s",
                found.request_count,
            )
            % texts
        )

    @admin.display(description=_("log"))
    @made_once
    def log(self, deployment: Deployment) -> SafeString:
        lines = "\n".join(journal(deployment, LOG_LINES))
        return format_html('<pre class="overflow-auto text-xs">{}</pre>', lines)


def _wanted_version(request: HttpRequest) -> str | None:
    """Return the id of the version that a link names. Raises Http404."""
    text = request.GET.get("model_version")
    if not text:
        return None
    pk = as_uuid(text)
    if pk is None or not ModelVersion.objects.without_prompts().filter(pk=pk).exists():
        raise Http404
    return text
