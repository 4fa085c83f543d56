"""A version's page: schema, first rows, histograms and correlation as pictures."""

from typing import Any, ClassVar

import orjson
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action

from datasets import ingestion, questions, sources
from datasets.admin import svg
from datasets.admin.drift import drift_table, sideways, table
from datasets.admin.forms import OptionsForm, form_page
from datasets.models import (
    Column,
    DatasetVersion,
    DriftReport,
    FeatureBinding,
    IngestJob,
    QualityRun,
)
from datasets.states import VersionState
from datasets.stored_answers import Question
from mlops.core.admin import ReadOnly
from mlops.core.admin.base import (
    EMPTY,
    act,
    link_to,
    link_to_list,
    meaning,
    shown_bytes,
    staff,
)
from mlops.core.errors import DomainError
from mlops.core.models import User

SHOWN_ROWS = 10
SHOWN_COLUMNS = 50


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnly):
    list_display = (
        "name",
        "state",
        "progress",
        "rows",
        "column_count",
        "size",
        "quality_status",
        "created_at",
    )
    list_filter = (
        "state",
        "quality_status",
        "source_format",
        ("dataset", AutocompleteSelectFilter),
        "created_at",
    )
    list_filter_submit = True
    search_fields = ("dataset__name", "digest", "content_digest", "source_name")
    list_select_related = ("dataset", "job")
    actions: ClassVar = ("cancel", "retry", "purge")
    actions_detail = ("read_again",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "dataset_link",
                    "number",
                    "state",
                    "progress",
                    "state_reason",
                    "rows",
                    "column_count",
                    "quality_status",
                    "lineage",
                )
            },
        ),
        (_("Columns"), {"fields": ("columns_table",)}),
        (_("First rows"), {"fields": ("sample_table",)}),
        (_("Correlation"), {"fields": ("heat_map",)}),
        (_("Drift"), {"fields": ("drift",)}),
        (
            _("Source"),
            {
                "fields": (
                    "source_name",
                    "source_format",
                    "source_size",
                    "size",
                    "digest",
                    "content_digest",
                    "appended_to",
                    "reading",
                    "created_by",
                    "created_at",
                    "ready_at",
                    "purged_at",
                )
            },
        ),
    )
    readonly_fields = (
        "dataset_link",
        "progress",
        "lineage",
        "columns_table",
        "sample_table",
        "heat_map",
        "drift",
        "reading",
        "rows",
        "size",
        "source_size",
    )

    @admin.display(description=_("version"), ordering="number")
    def name(self, version: DatasetVersion) -> str:
        return str(version)

    @admin.display(description=_("dataset"))
    def dataset_link(self, version: DatasetVersion) -> SafeString | str:
        return link_to(version.dataset)

    @admin.display(description=_("progress"))
    def progress(self, version: DatasetVersion) -> str:
        """How far the reading is: share, rows, and seconds left where a pace is."""
        if version.state != VersionState.PROCESSING:
            return EMPTY
        job = version.job
        read = ngettext("%(shown)s row read", "%(shown)s rows read", job.rows_done)
        rows = read % {"shown": f"{job.rows_done:,}"}
        parts = [f"{job.share_done:.0%}", rows]
        if job.eta_s is not None:
            parts.append(_("%(seconds)d s left") % {"seconds": job.eta_s})
        return ", ".join(str(part) for part in parts)

    @admin.display(description=_("lineage"))
    def lineage(self, version: DatasetVersion) -> SafeString:
        """Links to what came of this version, and to what was done with it."""
        where = {"version__id__exact": version.pk}
        links = [
            link_to_list(Column, str(_("columns")), **where),
            link_to_list(QualityRun, str(_("quality checks")), **where),
            link_to_list(IngestJob, str(_("reading jobs")), **where),
        ]
        runs = [
            link_to(use.run, use.run.uid)
            for given in version.run_inputs.prefetch_related("uses__run")
            for use in given.uses.all()
        ]
        return format_html_join(" · ", "{}", [(link,) for link in [*links, *runs]])

    @admin.display(description=_("columns"))
    def columns_table(self, version: DatasetVersion) -> SafeString | str:
        columns = list(version.columns.all()[:SHOWN_COLUMNS])
        if not columns:
            return EMPTY
        bindings = FeatureBinding.objects.filter(dataset=version.dataset_id)
        features = {
            bound.column: bound.feature for bound in bindings.select_related("feature")
        }
        rows = [
            (
                link_to(features[column.name], column.name)
                if column.name in features
                else column.name,
                column.data_type,
                f"{column.profile.get('null_share', 0):.1%}",
                _number(column.profile.get("mean")),
                _number(column.profile.get("std")),
                _picture(column.profile),
            )
            for column in columns
        ]
        head = (_("column"), _("type"), _("missing"), _("mean"), _("std"), _("values"))
        return table(head, rows, label=_("Columns"))

    @admin.display(description=_("first rows"))
    def sample_table(self, version: DatasetVersion) -> SafeString | str:
        body = _answer(questions.sample(version))
        if not body:
            return EMPTY
        names = list(body[0])[:SHOWN_COLUMNS]
        rows = [[_cell(row.get(name)) for name in names] for row in body[:SHOWN_ROWS]]
        return table(names, rows, label=_("First rows"))

    @admin.display(description=_("correlation"))
    def heat_map(self, version: DatasetVersion) -> SafeString | str:
        if version.column_count > questions.INTERACTIVE_COLUMNS:
            return EMPTY
        body = _answer(questions.correlations(version))
        if not body:
            return EMPTY
        drawn = svg.heat_map(body["features"], body["matrix"])
        return sideways(drawn, _("Correlation"))

    @admin.display(description=_("drift from the version before"))
    def drift(self, version: DatasetVersion) -> SafeString | str:
        reports = DriftReport.objects.filter(current=version)
        report = reports.order_by("-reference__number").first()
        return drift_table(report.body) if report else EMPTY

    @admin.display(description=_("report of the reader"))
    def reading(self, version: DatasetVersion) -> SafeString | str:
        """What was refused, renamed and found out while the file was read."""
        return meaning(version.report) if version.report else EMPTY

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, version: DatasetVersion) -> str:
        return shown_bytes(version.size_bytes) if version.size_bytes else EMPTY

    @admin.display(description=_("size of the files"))
    def source_size(self, version: DatasetVersion) -> str:
        return shown_bytes(version.source_bytes) if version.source_bytes else EMPTY

    @admin.display(description=_("rows"), ordering="row_count")
    def rows(self, version: DatasetVersion) -> str:
        return f"{version.row_count:,}"

    @admin.action(description=_("Stop reading"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[DatasetVersion]) -> None:
        act(self, request, queryset, lambda row, by: row.cancel(by=by))

    @admin.action(description=_("Read again"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[DatasetVersion]) -> None:
        act(self, request, queryset, lambda row, by: row.retry(by=by))

    @admin.action(description=_("Purge the bytes"), permissions=["act"])
    def purge(self, request: HttpRequest, queryset: QuerySet[DatasetVersion]) -> None:
        act(self, request, queryset, lambda row, by: row.purge(by=by))

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:pk>/read-again/",
            self.admin_site.admin_view(self.read_again_view),
            name="datasets_datasetversion_reading",
        )
        return [own, *super().get_urls()]

    @action(
        description=_("Read again with options"),
        permissions=["act"],
    )
    def read_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.to_form(request, object_id, "datasets_datasetversion_reading")

    def read_again_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Read the kept files by other options.

        A version that failed in its place, one that is ready as the next version.
        """
        found = DatasetVersion.objects.select_related("dataset")
        version = get_object_or_404(found, pk=pk)
        if not self.has_act_permission(request):
            raise PermissionDenied
        given = orjson.dumps(version.options, option=orjson.OPT_INDENT_2).decode()
        form = OptionsForm(request.POST or None, initial={"options": given})
        if form.is_valid():
            try:
                made = _read_again(
                    version, form.cleaned_data["options"], staff(request)
                )
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                url = reverse("admin:datasets_datasetversion_change", args=[made.pk])
                return HttpResponseRedirect(url)
        title = _("Read %(name)s again") % {"name": version}
        return form_page(self, request, form, title=title, button=_("Read again"))

    def has_act_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return bool(request.user.has_perm("datasets.change_dataset"))


def _read_again(
    version: DatasetVersion, options: dict[str, Any], by: User
) -> DatasetVersion:
    if not version.is_readable:
        version.retry(by=by, options=options)
        return version
    files = sources.kept_files(version)
    try:
        made, _is_new = ingestion.add_version(
            version.dataset, files, by=by, options=options
        )
    except DomainError:
        for file in files:
            file.discard()
        raise
    return made


def _answer(question: Question) -> Any:
    """Return a stored or new answer; None when there is no content to ask."""
    version = question.version
    if version.state != VersionState.READY or version.purged_at is not None:
        return None
    try:
        return orjson.loads(question.body())
    except DomainError:
        return None


def _picture(profile: dict[str, Any]) -> SafeString | str:
    if histogram := profile.get("histogram"):
        return svg.histogram(histogram["counts"], histogram["edges"])
    top = profile.get("top") or []
    return ", ".join(f"{item['value']} ({item['count']:,})" for item in top[:3])


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else EMPTY


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return EMPTY if value is None else str(value)[:60]
