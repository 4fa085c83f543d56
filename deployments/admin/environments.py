"""Where deployments go: slots, rules of environments, keys, the lease."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from deployments.models import (
    Deployment,
    DeploymentKey,
    EnvironmentRule,
    Lease,
    Slot,
)
from mlops.core import audit
from mlops.core.admin import ReadOnly
from mlops.core.admin.base import (
    EMPTY,
    AdminPage,
    act,
    link_to,
    link_to_list,
    moment,
    staff,
)


@admin.register(EnvironmentRule)
class EnvironmentRuleAdmin(AdminPage):
    """The three rules; they are changed here, neither added nor deleted."""

    list_display: tuple[str, ...] = (
        "environment",
        "needs_approval",
        "needs_passed_checklist",
        "author_may_approve",
        "rolls_back_by_itself",
        "max_error_rate",
        "max_non_finite_rate",
        "max_p95_ms",
        "allows_pickle",
        "converts_to_onnx",
        "sample_rate",
    )
    readonly_fields = ("environment",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: EnvironmentRule,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        super().save_model(request, obj, form, change)
        changes = {
            name: [form.initial[name], form.cleaned_data[name]]
            for name in form.changed_data
        }
        audit.record("change_rule", obj, by=staff(request), changes=changes)


@admin.register(Slot)
class SlotAdmin(ReadOnly):
    list_display = ("model", "environment", "active_one", "revisions", "endpoint")
    list_filter = ("environment",)
    search_fields = ("model__name",)
    list_select_related = ("model",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        rows: QuerySet[Slot] = super().get_queryset(request)
        return rows.prefetch_related(
            Prefetch("deployments", Deployment.objects.serving(), to_attr="actives")
        )

    @admin.display(description=_("active"))
    def active_one(self, slot: Any) -> SafeString | str:
        active = next(iter(slot.actives), None)
        return link_to(active, f"r{active.revision}") if active else EMPTY

    @admin.display(description=_("deployments"))
    def revisions(self, slot: Slot) -> SafeString:
        count = str(slot.next_revision - 1)
        return link_to_list(Deployment, count, slot__id__exact=slot.pk)


@admin.register(DeploymentKey)
class DeploymentKeyAdmin(ReadOnly):
    """Keys are made on a deployment's page; here they are seen and revoked."""

    list_display = (
        *("prefix", "name", "slot", "created_by", "created_at"),
        *("expires_at", "limits", "used_today", "revoked_at"),
    )
    list_filter = ("slot__environment", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "prefix", "slot__model__name")
    list_select_related = ("slot__model", "created_by")
    fields = (
        *("name", "prefix", "slot", ("created_by", "created_at")),
        *("expires_at", "limits", "used_today", "last_used", "revoked_at"),
    )
    actions = ("revoke",)

    @admin.display(description=_("limits"))
    def limits(self, key: DeploymentKey) -> str:
        parts = []
        if key.rate_per_minute is not None:
            parts.append(_("%(count)s a minute") % {"count": key.rate_per_minute})
        if key.daily_quota is not None:
            parts.append(_("%(count)s a day") % {"count": key.daily_quota})
        return ", ".join(parts) or EMPTY

    @admin.display(description=_("calls today (UTC)"))
    def used_today(self, key: DeploymentKey) -> str:
        found = DeploymentKey.usage_of([key])[key.digest]
        if not found.refused_today:
            return str(found.requests_today)
        texts = {"count": found.requests_today, "refused": found.refused_today}
        return _("%(count)s, and %(refused)s refused") % texts

    @admin.display(description=_("last used"))
    def last_used(self, key: DeploymentKey) -> SafeString | str:
        at = DeploymentKey.usage_of([key])[key.digest].last_used_at
        return moment(datetime.fromtimestamp(at, UTC)) if at else EMPTY

    @admin.action(description=_("Revoke the selected keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[DeploymentKey]) -> None:
        act(self, request, queryset, lambda key, by: key.revoke(by=by))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return staff(request).has_perm("deployments.delete_deploymentkey")


@admin.register(Lease)
class LeaseAdmin(ReadOnly):
    list_display = ("name", "holder", "fence", "expires_at")
