"""What the catalogue has written down: columns, checks, reports, jobs, uploads."""

from collections import defaultdict
from collections.abc import Mapping, Set
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Field, URLField
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from datasets.admin import svg
from datasets.admin.drift import drift_table
from datasets.models import (
    Column,
    DatasetEvent,
    DriftReport,
    FeatureBinding,
    IngestJob,
    QualityRule,
    QualityRun,
    StorageConnection,
    StoredAnalysis,
    UploadSession,
)
from mlops.core.admin import ReadOnly, Recorded
from mlops.core.admin.base import EMPTY, VerbAdmin, act, link_to, staff


@admin.register(Column)
class ColumnAdmin(ReadOnly):
    list_display = ("name", "data_type", "null_count", "version_link", "feature")
    list_filter = (("version__dataset", AutocompleteSelectFilter),)
    list_filter_submit = True
    search_fields = ("name", "original_name", "version__dataset__name")
    list_select_related = ("version__dataset",)
    fields = (
        "name",
        "original_name",
        "data_type",
        "null_count",
        "version_link",
        "feature",
        "histogram",
        "profile",
    )
    readonly_fields = ("version_link", "feature", "histogram")

    @admin.display(description=_("version"), ordering="version")
    def version_link(self, column: Column) -> SafeString | str:
        return link_to(column.version)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Fetch the bindings of the whole page in one query."""
        page = super().get_changelist_instance(request)
        bound = _bound({row.version.dataset_id for row in page.result_list})
        for row in page.result_list:
            row.bound = bound[row.version.dataset_id, row.name]
        return page

    @admin.display(description=_("feature"))
    def feature(self, column: Any) -> SafeString | str:
        """The features that are bound to this column of the dataset."""
        home = column.version.dataset_id
        bound = getattr(column, "bound", None)
        bindings = _bound({home})[home, column.name] if bound is None else bound
        links = [(link_to(one.feature),) for one in bindings]
        return format_html_join(", ", "{}", links) or EMPTY

    @admin.display(description=_("histogram"))
    def histogram(self, column: Column) -> SafeString | str:
        found = column.profile.get("histogram")
        return svg.histogram(found["counts"], found["edges"]) if found else EMPTY


def _bound(datasets: Set[UUID]) -> Mapping[tuple[UUID, str], list[FeatureBinding]]:
    """Return what is bound to the datasets' columns, by dataset and column."""
    found = defaultdict[tuple[UUID, str], list[FeatureBinding]](list)
    rows = FeatureBinding.objects.filter(dataset__in=datasets)
    for row in rows.select_related("feature"):
        if row.dataset_id is not None:
            found[row.dataset_id, row.column].append(row)
    return found


@admin.register(QualityRule)
class QualityRuleAdmin(VerbAdmin):
    list_display = ("kind", "dataset_link", "columns", "severity", "is_enabled")
    list_filter = (
        "severity",
        "is_enabled",
        "kind",
        ("dataset", AutocompleteSelectFilter),
    )
    list_filter_submit = True
    search_fields = ("dataset__name", "kind")
    list_select_related = ("dataset",)
    readonly_fields = ("dataset", "kind", "columns", "parameters", "created_by")
    actions: ClassVar = ("enable", "disable")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=_("dataset"), ordering="dataset")
    def dataset_link(self, rule: QualityRule) -> SafeString | str:
        return link_to(rule.dataset)

    def save_model(
        self,
        request: HttpRequest,
        obj: QualityRule,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        given = {name: form.cleaned_data[name] for name in form.changed_data}
        if given:
            obj.change(by=staff(request), **given)

    def delete_model(self, request: HttpRequest, obj: QualityRule) -> None:
        obj.remove(by=staff(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for rule in queryset:
            rule.remove(by=staff(request))

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: Any) -> None:
        act(self, request, queryset, lambda row, by: row.change(by=by, is_enabled=True))

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: Any) -> None:
        act(
            self, request, queryset, lambda row, by: row.change(by=by, is_enabled=False)
        )


@admin.register(QualityRun)
class QualityRunAdmin(ReadOnly):
    list_display = (
        "version_link",
        "status",
        "rule_count",
        "failed_count",
        "warned_count",
        "created_at",
    )
    list_display_links = ("created_at",)
    list_filter = (
        "status",
        ("version__dataset", AutocompleteSelectFilter),
        "created_at",
    )
    list_filter_submit = True
    search_fields = ("version__dataset__name",)
    list_select_related = ("version__dataset",)

    @admin.display(description=_("version"), ordering="version")
    def version_link(self, run: QualityRun) -> SafeString | str:
        return link_to(run.version)


@admin.register(DriftReport)
class DriftReportAdmin(ReadOnly):
    list_display = (
        "dataset",
        "reference_link",
        "current_link",
        "level",
        "drifted_count",
        "created_at",
    )
    list_display_links = ("created_at",)
    list_filter = ("level", ("current__dataset", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("current__dataset__name",)
    list_select_related = ("reference__dataset", "current__dataset")
    fields = (
        "dataset",
        "reference_link",
        "current_link",
        "level",
        "drifted_count",
        "columns",
        "created_by",
        "created_at",
    )
    readonly_fields = ("dataset", "reference_link", "current_link", "columns")

    @admin.display(description=_("columns"))
    def columns(self, report: DriftReport) -> SafeString | str:
        return drift_table(report.body)

    @admin.display(description=_("dataset"))
    def dataset(self, report: DriftReport) -> SafeString | str:
        return link_to(report.current.dataset)

    @admin.display(description=_("reference"))
    def reference_link(self, report: DriftReport) -> SafeString | str:
        return link_to(report.reference)

    @admin.display(description=_("current"))
    def current_link(self, report: DriftReport) -> SafeString | str:
        return link_to(report.current)


@admin.register(DatasetEvent)
class DatasetEventAdmin(ReadOnly):
    list_display = (
        "created_at",
        "dataset_link",
        "version_number",
        "kind",
        "severity",
        "feature",
        "message",
    )
    list_filter = (
        "kind",
        "severity",
        ("dataset", AutocompleteSelectFilter),
        "created_at",
    )
    list_filter_submit = True
    search_fields = ("dataset_name", "message")
    list_select_related = ("dataset", "feature")
    ordering = ("-created_at", "-pk")

    @admin.display(description=_("dataset"), ordering="dataset_name")
    def dataset_link(self, event: DatasetEvent) -> SafeString | str:
        return link_to(event.dataset) if event.dataset else event.dataset_name


@admin.register(IngestJob)
class IngestJobAdmin(ReadOnly):
    list_display = (
        "version_link",
        "attempt",
        "bytes_done",
        "bytes_total",
        "rows_done",
        "started_at",
        "finished_at",
    )
    list_display_links = ("attempt",)
    list_filter = (("finished_at", admin.EmptyFieldListFilter),)
    search_fields = ("version__dataset__name",)
    list_select_related = ("version__dataset",)

    @admin.display(description=_("version"))
    def version_link(self, job: IngestJob) -> SafeString | str:
        return link_to(job.version)


@admin.register(StoredAnalysis)
class StoredAnalysisAdmin(ReadOnly):
    list_display = ("kind", "digest", "parameters", "revision", "computed_at")
    list_filter = ("kind",)
    search_fields = ("digest",)
    exclude = ("body",)


@admin.register(UploadSession)
class UploadSessionAdmin(ReadOnly):
    list_display = ("name", "offset", "size_bytes", "created_by", "updated_at")
    search_fields = ("name", "created_by__username")
    list_select_related = ("created_by",)


@admin.register(StorageConnection)
class StorageConnectionAdmin(Recorded):
    list_display = ("name", "kind", "folder", "endpoint", "bucket", "prefix")
    list_filter = ("kind",)
    search_fields = ("name", "bucket", "folder")

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return a field that takes an address without a scheme for HTTPS."""
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)
