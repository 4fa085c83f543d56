"""Datasets: the list, the upload form, the versions."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.messages import ERROR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action

from datasets import appending, ingestion, inline_ingestion, storage
from datasets.admin import svg
from datasets.admin.forms import AppendForm, UploadForm, VersionForm, form_page
from datasets.admin.work import DatasetWork
from datasets.models import Dataset, DatasetVersion, QualityRun
from datasets.models.dataset import AppendBase
from mlops.core.admin.base import (
    EMPTY,
    VerbAdmin,
    act,
    link_to,
    link_to_list,
    shown_bytes,
    staff,
)
from mlops.core.admin.confirm import ask_first
from mlops.core.errors import DomainError
from mlops.core.models import User

TREND_RUNS = 40


class VersionInline(TabularInline):
    model = DatasetVersion
    fk_name = "dataset"
    fields = readonly_fields = (
        "page",
        "state",
        "rows",
        "column_count",
        "size",
        "quality_status",
        "created_at",
    )
    extra = 0
    can_delete = False
    ordering = ("-number",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("version"))
    def page(self, version: DatasetVersion) -> SafeString | str:
        return link_to(version, f"v{version.number}")

    @admin.display(description=_("rows"))
    def rows(self, version: DatasetVersion) -> str:
        return f"{version.row_count:,}"

    @admin.display(description=_("size"))
    def size(self, version: DatasetVersion) -> str:
        return shown_bytes(version.size_bytes) if version.size_bytes else EMPTY


@admin.register(Dataset)
class DatasetAdmin(DatasetWork, VerbAdmin):
    list_display = (
        "name",
        "current",
        "rows",
        "columns",
        "state",
        "quality",
        "owner",
        "updated_at",
    )
    list_filter = (
        "newest_version__state",
        "current_version__quality_status",
        "owner",
        "created_at",
    )
    search_fields = ("name", "description")
    list_select_related = ("owner", "current_version__dataset", "newest_version")
    fields = (
        "name",
        "description",
        "tags",
        "keep_versions",
        "owner",
        "current",
        "features",
        "quality_trend",
        "created_at",
        "updated_at",
    )
    readonly_fields = (
        "name",
        "owner",
        "current",
        "features",
        "quality_trend",
        "created_at",
        "updated_at",
    )
    inlines = (VersionInline,)
    actions_list = ("upload_files",)
    actions_detail = ("add_version", "append_rows")
    actions: ClassVar = ("remove",)

    @admin.display(description=_("current version"))
    def current(self, dataset: Dataset) -> SafeString | str:
        version = dataset.current_version
        return link_to(version, f"v{version.number}") if version else EMPTY

    @admin.display(description=_("rows"), ordering="current_version__row_count")
    def rows(self, dataset: Dataset) -> str:
        version = dataset.current_version
        return f"{version.row_count:,}" if version else EMPTY

    @admin.display(description=_("columns"), ordering="current_version__column_count")
    def columns(self, dataset: Dataset) -> str:
        version = dataset.current_version
        return str(version.column_count) if version else EMPTY

    @admin.display(description=_("state"), ordering="newest_version__state")
    def state(self, dataset: Dataset) -> str:
        version = dataset.newest_version
        return str(version.get_state_display()) if version else EMPTY

    @admin.display(description=_("quality"))
    def quality(self, dataset: Dataset) -> str:
        version = dataset.current_version
        return str(version.get_quality_status_display()) if version else EMPTY

    @admin.display(description=_("features"))
    def features(self, dataset: Dataset) -> SafeString | str:
        if dataset.current_version is None:
            return EMPTY
        text = ", ".join(dataset.feature_names)
        return link_to_list(
            DatasetVersion.columns.rel.related_model,
            text[:500],
            version__id__exact=dataset.current_version_id,
        )

    @admin.display(description=_("quality trend"))
    def quality_trend(self, dataset: Dataset) -> SafeString | str:
        """Each check as a stack: rules that failed, that warned, that passed."""
        runs = QualityRun.objects.filter(version__dataset=dataset).select_related(
            "version__dataset"
        )[:TREND_RUNS]
        stacks = [
            (
                f"{run.version}, {run.created_at:%Y-%m-%d %H:%M:%S} UTC: {run.status}",
                (
                    (run.failed_count, svg.BAD),
                    (run.warned_count, svg.WARNED),
                    (run.rule_count - run.failed_count - run.warned_count, svg.GOOD),
                ),
            )
            for run in reversed(runs)
        ]
        return svg.stacks(stacks) if stacks else EMPTY

    def save_model(
        self,
        request: HttpRequest,
        obj: Dataset,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        fields = {name: form.cleaned_data[name] for name in form.changed_data}
        obj.update(by=staff(request), **fields)

    @admin.action(description=_("Delete the selected datasets"), permissions=["delete"])
    def remove(
        self, request: HttpRequest, queryset: QuerySet[Dataset]
    ) -> HttpResponse | None:
        def remove(row: Dataset, by: User, _reason: str) -> None:
            row.remove(by=by)

        return ask_first(self, request, queryset, remove)

    def delete_model(self, request: HttpRequest, obj: Dataset) -> None:
        act(self, request, [obj], lambda row, by: row.remove(by=by))

    def get_actions(self, request: HttpRequest) -> Any:
        # Django's own would delete the rows and leave the bytes.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<uuid:pk>/add-version/",
                self.admin_site.admin_view(self.version_view),
                name="datasets_dataset_upload_version",
            ),
            path(
                "<uuid:pk>/append-rows/",
                self.admin_site.admin_view(self.append_view),
                name="datasets_dataset_upload_rows",
            ),
        ]
        return [*own, *super().get_urls()]

    @action(description=_("Upload, with a look first"), permissions=["add"])
    def upload_files(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:datasets_dataset_new"))

    @action(description=_("Add a version"), permissions=["change"])
    def add_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.to_form(request, object_id, "datasets_dataset_upload_version")

    @action(description=_("Append rows"), permissions=["change"])
    def append_rows(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.to_form(request, object_id, "datasets_dataset_upload_rows")

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Upload a dataset. Unlike Django's, no transaction waits for the file."""
        if not self.has_add_permission(request):
            raise PermissionDenied

        def save(form: UploadForm, files: list[storage.IncomingFile]) -> Dataset:
            name = Dataset.free_name(form.cleaned_data["name"], by=staff(request))
            text, options = (
                form.cleaned_data["description"],
                form.cleaned_data["options"],
            )
            with inline_ingestion.prepared(files, options) as found:
                dataset = Dataset.create_from(
                    name,
                    files,
                    by=staff(request),
                    options=options,
                    is_read=found is not None,
                    description=text,
                )
                ingestion.settle_now(dataset.newest_version, found)
            return dataset

        return self._form_page(request, UploadForm, save, _("Upload a dataset"))

    def version_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Upload a version of a dataset."""
        dataset = self._changed(request, Dataset.objects.all(), pk)

        def save(form: VersionForm, files: list[storage.IncomingFile]) -> Dataset:
            options = form.cleaned_data["options"]
            ingestion.add_version(dataset, files, by=staff(request), options=options)
            return dataset

        title = _("Add a version of %(name)s") % {"name": dataset}
        return self._form_page(request, VersionForm, save, title)

    def append_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Append rows to the version that was current when the form was shown."""
        found = Dataset.objects.select_related("current_version")
        dataset = self._changed(request, found, pk)
        current = dataset.current_version
        if current is None:
            self.message_user(request, _("There is no version to append to."), ERROR)
            url = reverse("admin:datasets_dataset_change", args=[dataset.pk])
            return HttpResponseRedirect(url)

        def save(form: AppendForm, files: list[storage.IncomingFile]) -> Dataset:
            fields = form.cleaned_data
            first = dataset.versions.of_label(str(fields["base_version"]))
            dataset.require_current(first)
            base = AppendBase.of(first, fields["options"], widens=fields["widen"])
            appending.append_version(dataset, files, base, by=staff(request))
            return dataset

        title = _("Append rows to %(name)s") % {"name": current}
        first = {"base_version": current.number}
        return self._form_page(request, AppendForm, save, title, initial=first)

    def _form_page(
        self,
        request: HttpRequest,
        kind: type[VersionForm],
        save: Any,
        title: Any,
        *,
        initial: dict[str, Any] | None = None,
    ) -> HttpResponse:
        is_sent = request.method == "POST"
        form = kind(request.POST, request.FILES) if is_sent else kind(initial=initial)
        if is_sent and form.is_valid():
            files = [
                storage.receive(file.name or "", file.chunks())
                for file in form.cleaned_data["file"]
            ]
            try:
                saved = save(form, files)
            except DomainError as error:
                for file in files:
                    file.discard()
                form.add_error(
                    error.field if error.field in form.fields else None, error.message
                )
            else:
                url = reverse("admin:datasets_dataset_change", args=[saved.pk])
                return HttpResponseRedirect(url)
        return form_page(self, request, form, title=title, button=_("Upload"))

    def _changed(
        self, request: HttpRequest, among: QuerySet[Dataset], pk: Any
    ) -> Dataset:
        """Return the dataset if the person may change it; else 404 or 403."""
        dataset = get_object_or_404(among, pk=pk)
        if not self.has_change_permission(request, dataset):
            raise PermissionDenied
        return dataset
