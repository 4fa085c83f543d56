"""Features, their versions and their use."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from datasets.admin.feature_form import BINDING, EDITED, FeatureForm
from datasets.models import Feature, FeatureUsage, FeatureVersion
from mlops.core.admin.base import EMPTY, VerbAdmin, act, link_to, link_to_list, staff


class FeatureVersionInline(TabularInline):
    model = FeatureVersion
    fields = readonly_fields = (
        "version",
        "changelog",
        "breaking_changes",
        "created_by",
        "created_at",
        "rolled_back_at",
    )
    extra = 0
    can_delete = False
    ordering = ("-number",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Feature)
class FeatureAdmin(VerbAdmin):
    form = FeatureForm
    list_display = (
        "feature_name",
        "feature_type",
        "data_type",
        "status",
        "current_version",
        "binding_status",
        "uses",
        "owner",
        "updated_at",
    )
    list_filter = (
        "status",
        "binding__state",
        "feature_type",
        "data_type",
        "owner",
        "created_at",
    )
    search_fields = ("feature_name", "description")
    autocomplete_fields = ("upstream",)
    inlines = (FeatureVersionInline,)
    actions: ClassVar = ("activate", "deprecate", "archive")
    fields = (
        "feature_name",
        "feature_type",
        "data_type",
        *EDITED,
        *BINDING,
        "binding_status",
        "status",
        "current_version",
        "owner",
        "data",
        "downstream_features",
        "usage",
    )
    readonly_fields = (
        "binding_status",
        "status",
        "current_version",
        "owner",
        "data",
        "downstream_features",
        "usage",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feature]:
        return Feature.objects.with_details()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("feature_name", "feature_type", "data_type") if obj else ()
        return (*fixed, *self.readonly_fields)

    @admin.display(description=_("uses"), ordering="usage_count")
    def uses(self, feature: Feature) -> int:
        return int(getattr(feature, "usage_count", 0))

    @admin.display(description=_("binding"), ordering="binding__state")
    def binding_status(self, feature: Feature) -> SafeString | str:
        """What it is bound to, by whom, and since when that is broken."""
        bound = feature.bound_to
        if bound is None:
            return str(_("unbound"))
        parts = [str(bound), bound.get_state_display(), bound.get_origin_display()]
        if bound.broken_text:
            parts.append(bound.broken_text)
        return format_html_join(" · ", "{}", ((one,) for one in parts))

    @admin.display(description=_("data"))
    def data(self, feature: Feature) -> SafeString | str:
        """The version that its figures are of, and the mean; else why not."""
        version, figures = feature.data_version, feature.column_statistics
        if version is None or figures is None:
            return feature.statistics_reason or EMPTY
        mean = figures["mean"]
        shown = EMPTY if mean is None else f"{mean:.6g}"
        return format_html("{} · {} {}", link_to(version), _("mean"), shown)

    @admin.display(description=_("downstream features"))
    def downstream_features(self, feature: Feature) -> SafeString | str:
        links = [(link_to(item),) for item in feature.downstream.all()]
        return format_html_join(", ", "{}", links) or EMPTY

    @admin.display(description=_("usage"))
    def usage(self, feature: Feature) -> SafeString | str:
        text = str(feature.usages.count())
        return link_to_list(FeatureUsage, text, feature__id__exact=feature.pk)

    def save_model(
        self,
        request: HttpRequest,
        obj: Feature,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        given = {name: form.cleaned_data[name] for name in form.changed_data}
        if set(BINDING) & set(given):
            given = {key: value for key, value in given.items() if key not in BINDING}
            given["binding"] = form.wanted
        upstream = given.pop("upstream", None)
        if upstream is not None:
            given["upstream_features"] = [item.feature_name for item in upstream]
        if change:
            obj.update(by=staff(request), **given)
        else:
            made = Feature.create_from(**given, by=staff(request))
            obj.pk, obj._state.adding = made.pk, False  # noqa: SLF001 - Django's own way

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Leave the upstream features alone: the verb has written them."""
        for formset in formsets:
            self.save_formset(request, form, formset, change=change)

    @admin.action(description=_("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Feature]) -> None:
        act(self, request, queryset, lambda row, by: row.activate(by=by))

    @admin.action(description=_("Deprecate"), permissions=["change"])
    def deprecate(self, request: HttpRequest, queryset: QuerySet[Feature]) -> None:
        act(self, request, queryset, lambda row, by: row.deprecate(by=by))

    @admin.action(description=_("Archive"), permissions=["delete"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Feature]) -> None:
        act(self, request, queryset, lambda row, by: row.archive(by=by))

    def delete_model(self, request: HttpRequest, obj: Feature) -> None:
        act(self, request, [obj], lambda row, by: row.archive(by=by))

    def get_actions(self, request: HttpRequest) -> Any:
        # Features are archived, as on the API, and never deleted.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
