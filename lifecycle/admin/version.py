"""Model versions: checklist, approval, stage, and where they serve."""

from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, Field, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action

from lifecycle.admin.base import (
    EMPTY,
    Task,
    act,
    download_link,
    link_to,
    moment,
    serve_form,
    staff,
    table,
    task_urls,
)
from lifecycle.admin.forms import AliasForm, ApprovalForm
from lifecycle.models import ChecklistItem, ModelVersion, NewCheck
from lifecycle.states import ChecklistStatus, ModelStage
from mlops.core.admin.base import ROWS, AdminPage, made_once
from mlops.core.admin.confirm import ask_first
from mlops.core.models import User


def _deployed() -> QuerySet[Any, Any]:
    """Return how many deployments the version of the outer query has."""
    own = ModelVersion.objects.order_by().filter(
        pk=OuterRef("pk"), deployments__isnull=False
    )
    return own.values("pk").annotate(count=Count("deployments")).values("count")


class ChecklistInline(TabularInline):
    model = ChecklistItem
    fields = ("name", "status", "note", "completed_at")
    readonly_fields = ("completed_at",)
    extra = 0

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return a field whose name is read aloud, not only its column's head."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field:
            field.widget.attrs["aria-label"] = capfirst(str(field.label))
        return field


@admin.register(ModelVersion)
class ModelVersionAdmin(AdminPage):
    list_display = (
        "name",
        "stage",
        "checklist_state",
        "approved_by",
        "run_page",
        "figures",
        "deployment_count",
        "created_by",
        "created_at",
    )
    list_filter = (
        "stage",
        ("model", AutocompleteSelectFilter),
        "approved_by",
        "created_at",
    )
    list_filter_submit = True
    search_fields = ("model__name", "version", "description", "run__uid")
    inlines = (ChecklistInline,)
    list_per_page = ROWS
    actions: ClassVar = (
        "approve_selected",
        "to_staging",
        "to_production",
        "to_archive",
        "to_experimental",
    )
    actions_detail = ("approve", "set_alias")
    readonly_fields = (
        "model_link",
        "version",
        "number",
        "stage",
        "run_page",
        "experiment_link",
        "file",
        "figures",
        "created_by",
        "created_at",
        "approved_by",
        "approved_at",
        "approval_notes",
        "rollback_notes",
        "aliases",
        "deployments",
        "history",
        "drift",
    )
    fields = ("model_link", "version", "description", *readonly_fields[2:])

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        rows: QuerySet[ModelVersion] = super().get_queryset(request)
        return (
            rows.select_related(
                "model", "run__experiment", "artifact__run", "created_by", "approved_by"
            )
            .annotate(deployed=Coalesce(Subquery(_deployed()), 0))
            .prefetch_related("checklist", "metrics")
        )

    @admin.display(description=_("model version"), ordering="model__name")
    def name(self, version: ModelVersion) -> str:
        return str(version)

    @admin.display(description=_("model"))
    def model_link(self, version: ModelVersion) -> SafeString | str:
        """Lead to this version on the page of its model."""
        return link_to(version, str(version.model))

    @admin.display(description=_("checklist"))
    def checklist_state(self, version: ModelVersion) -> str:
        items = version.checklist.all()
        passed = sum(item.status == ChecklistStatus.PASSED for item in items)
        return f"{passed}/{len(items)}" if items else EMPTY

    @admin.display(description=_("run"))
    def run_page(self, version: ModelVersion) -> SafeString | str:
        return link_to(version.run)

    @admin.display(description=_("experiment"))
    def experiment_link(self, version: ModelVersion) -> SafeString | str:
        return link_to(version.run.experiment if version.run else None)

    @admin.display(description=_("metrics"))
    @made_once
    def figures(self, version: ModelVersion) -> str:
        shown = [f"{one.name} {one.value:.4g}" for one in version.metrics.all()[:6]]
        return ", ".join(shown) or EMPTY

    @admin.display(description=_("deployments"), ordering="deployed")
    def deployment_count(self, version: ModelVersion) -> int:
        return getattr(version, "deployed", 0)

    @admin.display(description=_("file that is served"))
    @made_once
    def file(self, version: ModelVersion) -> SafeString | str:
        artifact = version.servable_artifact()
        return download_link(artifact) if artifact else EMPTY

    @admin.display(description=_("aliases"))
    @made_once
    def aliases(self, version: ModelVersion) -> str:
        return ", ".join(one.alias for one in version.aliases.all()) or EMPTY

    @admin.display(description=_("deployments"))
    @made_once
    def deployments(self, version: ModelVersion) -> SafeString | str:
        found = version.deployments.select_related("slot").order_by("-created_at")
        rows = [(link_to(one), one.status) for one in found[:20]]
        return table((_("deployment"), _("status")), rows)

    @admin.display(description=_("history of stages"))
    @made_once
    def history(self, version: ModelVersion) -> SafeString | str:
        rows = [
            (
                moment(one.changed_at),
                one.from_stage,
                one.to_stage,
                one.changed_by or EMPTY,
                one.reason,
            )
            for one in version.stage_changes.select_related("changed_by")
        ]
        head = (_("changed"), _("from"), _("to"), _("by"), _("reason"))
        return table(head, rows)

    @admin.display(description=_("drift"))
    @made_once
    def drift(self, version: ModelVersion) -> SafeString | str:
        rows = [
            (link_to(one), one.severity, f"{one.metric_value:.4g}")
            for one in version.drift_events.all()[:20]
        ]
        return table((_("drift event"), _("severity"), _("value")), rows)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Versions are registered from their run's page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: ModelVersion,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        if "description" in form.changed_data:
            obj.describe(form.cleaned_data["description"], by=staff(request))

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Hand the whole checklist to the verb, so that its rules hold here too."""
        for formset in formsets:
            formset.save(commit=False)  # only tells Django's log what was changed
            if formset.model is ChecklistItem and formset.has_changed():
                set_checklist = partial(_set_checklist, checks=_checks(formset))
                act(self, request, [form.instance], set_checklist)

    def get_urls(self) -> list[URLPattern]:
        tasks = {"approve": self.approve_view, "alias": self.alias_view}
        return [*task_urls(self, tasks), *super().get_urls()]

    @action(description=_("Approve"), permissions=["approve"])
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.to_form(request, object_id, "lifecycle_modelversion_approve")

    @action(description=_("Set an alias"), permissions=["promote"])
    def set_alias(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.to_form(request, object_id, "lifecycle_modelversion_alias")

    def approve_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        version = self._version(request, pk, self.has_approve_permission(request))

        def save(form: forms.Form) -> ModelVersion:
            version.approve(by=staff(request), notes=form.cleaned_data["notes"])
            return version

        title = _("Approve %(version)s") % {"version": version}
        task = Task(ApprovalForm, title, str(_("Approve")), save)
        return serve_form(self, request, task)

    def alias_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        version = self._version(request, pk, self.has_promote_permission(request))

        def save(form: forms.Form) -> ModelVersion:
            alias = form.cleaned_data["alias"]
            version.model.set_alias(alias, version, by=staff(request))
            return version

        title = _("Set an alias of %(version)s") % {"version": version}
        return serve_form(self, request, Task(AliasForm, title, str(_("Set")), save))

    def _version(self, request: HttpRequest, pk: str, allowed: bool) -> ModelVersion:  # noqa: FBT001 - one caller's answer
        version: ModelVersion | None = self.get_object(request, pk)
        if version is None or not allowed:
            raise Http404
        return version

    @admin.action(description=_("Approve"), permissions=["approve"])
    def approve_selected(
        self, request: HttpRequest, queryset: QuerySet[ModelVersion]
    ) -> None:
        act(self, request, queryset, lambda row, by: row.approve(by=by))

    @admin.action(description=_("Move to staging"), permissions=["promote"])
    def to_staging(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._move(request, queryset, ModelStage.STAGING)

    @admin.action(description=_("Move to production"), permissions=["promote"])
    def to_production(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._move(request, queryset, ModelStage.PRODUCTION)

    @admin.action(description=_("Archive"), permissions=["promote"])
    def to_archive(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        return self._leave(request, queryset, ModelStage.ARCHIVED)

    @admin.action(description=_("Back to experimental"), permissions=["promote"])
    def to_experimental(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        return self._leave(request, queryset, ModelStage.EXPERIMENTAL)

    def _move(
        self, request: HttpRequest, queryset: QuerySet[Any], stage: ModelStage
    ) -> None:
        act(self, request, queryset, lambda row, by: row.move_to_stage(stage, by=by))

    def _leave(
        self, request: HttpRequest, queryset: QuerySet[Any], stage: ModelStage
    ) -> HttpResponse | None:
        def move(row: ModelVersion, by: User, reason: str) -> None:
            row.move_to_stage(stage, by=by, reason=reason)

        return ask_first(self, request, queryset, move)

    def has_approve_permission(
        self, request: HttpRequest, object_id: Any = None
    ) -> bool:
        return bool(request.user.has_perm("lifecycle.approve_modelversion"))

    def has_promote_permission(
        self, request: HttpRequest, object_id: Any = None
    ) -> bool:
        return bool(request.user.has_perm("lifecycle.promote_modelversion"))


def _set_checklist(version: ModelVersion, by: User, checks: list[NewCheck]) -> None:
    version.set_checklist(checks, by=by)


def _checks(formset: Any) -> list[NewCheck]:
    kept = [
        form.cleaned_data
        for form in formset.forms
        if form.cleaned_data and not form.cleaned_data.get("DELETE")
    ]
    return [
        NewCheck(item["name"], ChecklistStatus(item["status"]), item["note"] or None)
        for item in kept
    ]
