"""Features, their versions and their use."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from datasets.models import Feature, FeatureUsage, FeatureVersion
from mlops.core.admin import ReadOnly
from mlops.core.admin.base import EMPTY, VerbAdmin, act, link_to, link_to_list, staff

EDITED = ("description", "tags", "upstream", "transformation", "validation_rules")


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
    list_display = (
        "feature_name",
        "feature_type",
        "data_type",
        "status",
        "current_version",
        "uses",
        "owner",
        "updated_at",
    )
    list_filter = ("status", "feature_type", "data_type", "owner")
    search_fields = ("feature_name", "description")
    date_hierarchy = "created_at"
    autocomplete_fields = ("upstream",)
    inlines = (FeatureVersionInline,)
    actions: ClassVar = ("activate", "deprecate", "archive")
    fields = (
        "feature_name",
        "feature_type",
        "data_type",
        *EDITED,
        "status",
        "current_version",
        "owner",
        "data",
        "downstream_features",
        "usage",
    )
    readonly_fields = (
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

    @admin.display(description=_("data"))
    def data(self, feature: Feature) -> SafeString | str:
        column = feature.newest_column()
        return link_to(column.version) if column else EMPTY

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


@admin.register(FeatureVersion)
class FeatureVersionAdmin(ReadOnly):
    list_display = (
        "feature",
        "version",
        "changelog",
        "breaking_changes",
        "created_by",
        "created_at",
        "rolled_back_at",
    )
    list_filter = ("breaking_changes", "feature")
    search_fields = ("feature__feature_name", "version", "changelog")
    list_select_related = ("feature", "created_by")
    actions: ClassVar = ("roll_back",)

    @admin.action(description=_("Roll the feature back to this"), permissions=["act"])
    def roll_back(
        self, request: HttpRequest, queryset: QuerySet[FeatureVersion]
    ) -> None:
        act(
            self,
            request,
            queryset.select_related("feature"),
            lambda row, by: row.feature.roll_back_to(row.version, by=by),
        )

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("datasets.change_feature"))


@admin.register(FeatureUsage)
class FeatureUsageAdmin(ReadOnly):
    list_display = (
        "feature_link",
        "feature_version",
        "used_by_model",
        "model_version",
        "environment",
        "feature_importance",
        "used_at",
    )
    list_filter = ("environment", "feature", "used_by_model")
    search_fields = ("feature__feature_name", "used_by_model", "execution_id")
    list_select_related = ("feature",)
    date_hierarchy = "used_at"

    @admin.display(description=_("feature"), ordering="feature")
    def feature_link(self, use: FeatureUsage) -> SafeString | str:
        return link_to(use.feature)
