"""Versions of features, and their recorded uses."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from datasets.models import FeatureUsage, FeatureVersion
from mlops.core.admin import ReadOnly
from mlops.core.admin.base import act, link_to


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
    list_filter = ("breaking_changes", ("feature", AutocompleteSelectFilter))
    list_filter_submit = True
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
        "data_version",
        "used_at",
    )
    list_display_links = ("used_at",)
    list_filter = (
        "environment",
        ("feature", AutocompleteSelectFilter),
        "used_by_model",
        "used_at",
    )
    list_filter_submit = True
    search_fields = ("feature__feature_name", "used_by_model", "execution_id")
    list_select_related = ("feature", "data_version__dataset")

    @admin.display(description=_("feature"), ordering="feature")
    def feature_link(self, use: FeatureUsage) -> SafeString | str:
        return link_to(use.feature)
