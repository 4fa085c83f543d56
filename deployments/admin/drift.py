"""Drift: rules, results of checks, alert hooks."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from datasets.admin.drift import drift_table
from deployments.admin.environments import EnvironmentRuleAdmin
from deployments.models import AlertDelivery, AlertHook, DriftCheck, DriftRule
from mlops.core.admin import ReadOnly, Recorded
from mlops.core.admin.base import EMPTY, act, link_to, staff
from mlops.core.sealing import KeyMissing
from mlops.webhooks.address import RefusedAddress, checked


@admin.register(DriftRule)
class DriftRuleAdmin(EnvironmentRuleAdmin):
    """When each environment looks for drift; changed here, not added nor deleted."""

    list_display = (
        "environment",
        "watches_requests",
        "watches_datasets",
        "every_s",
        "window_s",
        "thresholds",
    )


@admin.register(DriftCheck)
class DriftCheckAdmin(ReadOnly):
    list_display = (
        "created_at",
        "deployment",
        "subject",
        "reference_link",
        "row_count",
        "level",
        "found",
        "error",
    )
    list_filter = ("level", "subject", "deployment__slot__environment", "created_at")
    search_fields = ("=deployment__id", "deployment__slot__model__name")
    list_select_related = (
        "deployment__slot__model",
        "reference__dataset",
        "current__dataset",
    )
    ordering = ("-created_at", "-pk")
    fields = (
        ("deployment_link", "subject", "level"),
        ("reference_link", "current_link"),
        ("since", "until", "row_count"),
        "found",
        "noted",
        "columns",
        "error",
        ("created_by", "created_at"),
    )
    readonly_fields = (
        "deployment_link",
        "reference_link",
        "current_link",
        "found",
        "noted",
        "columns",
    )

    @admin.display(description=_("deployment"))
    def deployment_link(self, check: DriftCheck) -> SafeString | str:
        return link_to(check.deployment)

    @admin.display(description=_("training data"))
    def reference_link(self, check: DriftCheck) -> SafeString | str:
        return link_to(check.reference)

    @admin.display(description=_("newer data"))
    def current_link(self, check: DriftCheck) -> SafeString | str:
        return link_to(check.current)

    @admin.display(description=_("findings"))
    def found(self, check: DriftCheck) -> str:
        shown = [
            f"{one.column} ({one.check} {one.value:.3g})"
            for one in check.found.values()
        ]
        return ", ".join(shown) or EMPTY

    @admin.display(description=_("drift events"))
    def noted(self, check: DriftCheck) -> SafeString | str:
        events = [(link_to(event),) for event in check.events.all()]
        return format_html_join(" · ", "{}", events) if events else EMPTY

    @admin.display(description=_("columns"))
    def columns(self, check: DriftCheck) -> SafeString | str:
        return drift_table(check.body)


class AlertHookForm(forms.ModelForm[AlertHook]):
    """Refuses a URL that nothing would be sent to."""

    class Meta:
        model = AlertHook
        fields = ("name", "url", "least_severity", "is_enabled")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            checked(url)
        except RefusedAddress as refused:
            raise ValidationError(str(refused)) from None
        return url


@admin.register(AlertHook)
class AlertHookAdmin(Recorded):
    """Where drift events are sent. URLs may be secret: only admins see them."""

    form = AlertHookForm
    list_display = ("name", "url", "least_severity", "is_enabled", "created_by")
    list_filter = ("is_enabled", "least_severity")
    search_fields = ("name",)
    list_select_related = ("created_by",)
    readonly_fields = ("signing_secret", "created_by", "created_at")

    @admin.display(description=_("signing secret"))
    def signing_secret(self, hook: AlertHook) -> str:
        if hook._state.adding:  # noqa: SLF001 - public
            return EMPTY
        try:
            return hook.secret
        except KeyMissing as missing:
            return str(missing)

    def save_model(
        self,
        request: HttpRequest,
        obj: AlertHook,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        if not change:
            obj.created_by = staff(request)
        super().save_model(request, obj, form, change)

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return bool(self.has_change_permission(request, obj))


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnly):
    list_display = (
        "created_at",
        "hook",
        "about",
        "state",
        "attempts",
        "status_code",
        "error",
        "next_at",
        "delivered_at",
    )
    list_filter = ("state", "hook", "created_at")
    list_select_related = ("hook", "event__version__model", "dataset_event")
    actions: ClassVar = ("send_again",)

    @admin.display(description=_("event"))
    def about(self, delivery: AlertDelivery) -> SafeString | str:
        return link_to(delivery.event or delivery.dataset_event)

    @admin.action(description=_("Send again"), permissions=["send"])
    def send_again(
        self, request: HttpRequest, queryset: QuerySet[AlertDelivery]
    ) -> None:
        act(self, request, queryset, lambda row, by: row.send_again(by=by))

    def has_send_permission(self, request: HttpRequest) -> bool:
        return staff(request).has_perm("deployments.change_alertdelivery")
