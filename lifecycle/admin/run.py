"""Runs: what they logged, with curves; files up; versions registered from them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action

from lifecycle import artifacts
from lifecycle.admin import curves
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
from lifecycle.admin.experiment import short_metrics
from lifecycle.admin.files import FilesPage
from lifecycle.admin.forms import ArtifactUploadForm, RegisterForm, RunForm
from lifecycle.admin.run_search import searched
from lifecycle.admin.run_work import RunWork
from lifecycle.models import ModelVersion, Run
from lifecycle.states import RunStatus
from lifecycle.times import from_ms
from mlops.core.admin.base import made_once
from mlops.core.admin.confirm import ask_first
from mlops.core.admin.work import page_url
from mlops.core.models import User

SHOWN_FILES = 100


@admin.register(Run)
class RunAdmin(FilesPage, RunWork):
    list_display = (
        "name_or_id",
        "experiment_link",
        "status",
        "metrics",
        "started",
        "duration",
        "created_by",
    )
    list_filter = ("status", ("experiment", AutocompleteSelectFilter), "created_by")
    list_filter_submit = True
    # Any other order would sort all runs that there are, for one page of them.
    sortable_by = ("name_or_id", "started")
    search_fields = ("uid", "name")
    search_help_text = _("By id, name, or what a tag says.")
    actions: ClassVar = ("complete", "fail", "cancel", "remove", "restore")
    actions_detail = ("open_files", "upload", "register")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "uid",
                    "name",
                    "experiment_link",
                    "status",
                    "started",
                    "ended",
                    "duration",
                    "created_by",
                    "notes",
                )
            },
        ),
        (_("Metrics"), {"fields": ("curves", "metric_table")}),
        (_("Parameters and tags"), {"fields": ("param_table", "tag_table")}),
        (
            _("Lineage"),
            {"fields": ("inputs", "files", "logged_models", "versions")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        rows: QuerySet[Run] = super().get_queryset(request)
        shown = rows.select_related("experiment", "created_by")
        return shown.prefetch_related("latest_metrics__key")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        """Find runs by the beginning of their id, by name, and by their tags."""
        term = search_term.strip()
        return (searched(queryset, term) if term else queryset), False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Run | None:
        """Return the run of a row's number, or of the id that its clients know."""
        known = self.get_queryset(request).filter(uid=object_id).first()
        return known or super().get_object(request, object_id, from_field)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("experiment", "name", "notes")}),)
        return super().get_fieldsets(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        if obj is None:
            options["form"] = RunForm
        return super().get_form(request, obj, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        fields = [name for part in self.fieldsets for name in part[1]["fields"]]
        return [name for name in fields if name != "notes"]

    @admin.display(description=_("run"), ordering="uid")
    def name_or_id(self, run: Run) -> str:
        return str(run)

    @admin.display(description=_("experiment"))
    def experiment_link(self, run: Run) -> SafeString | str:
        return link_to(run.experiment)

    @admin.display(description=_("metrics"))
    def metrics(self, run: Run) -> str:
        return short_metrics(run)

    @admin.display(description=_("started"), ordering="started_ms")
    def started(self, run: Run) -> SafeString | str:
        return moment(from_ms(run.started_ms))

    @admin.display(description=_("ended"), ordering="ended_ms")
    def ended(self, run: Run) -> SafeString | str:
        return moment(None if run.ended_ms is None else from_ms(run.ended_ms))

    @admin.display(description=_("duration"))
    def duration(self, run: Run) -> str:
        seconds = run.duration_seconds
        return EMPTY if seconds is None else f"{seconds:,.1f} s"

    @admin.display(description=_("curves"))
    @made_once
    def curves(self, run: Run) -> SafeString | str:
        return curves.draw_all(run) or EMPTY

    @admin.display(description=_("newest values"))
    @made_once
    def metric_table(self, run: Run) -> SafeString | str:
        rows = [
            (
                one.key,
                one.dataset or EMPTY,
                one.step,
                "NaN" if one.is_nan else f"{one.value:.6g}",
            )
            for one in run.latest_metrics.newest()
        ]
        return table((_("metric"), _("dataset"), _("step"), _("value")), rows)

    @admin.display(description=_("parameters"))
    @made_once
    def param_table(self, run: Run) -> SafeString | str:
        params = run.params.select_related("key").order_by("key__name")
        rows = [(one.key, one.value) for one in params]
        return table((_("parameter"), _("value")), rows)

    @admin.display(description=_("tags"))
    @made_once
    def tag_table(self, run: Run) -> SafeString | str:
        tags = run.tags.select_related("key").order_by("key__name")
        return table((_("tag"), _("value")), [(one.key, one.value) for one in tags])

    @admin.display(description=_("datasets"))
    @made_once
    def inputs(self, run: Run) -> SafeString | str:
        links = run.inputs.select_related("dataset__version__dataset")
        rows = [(link_to(one.dataset), link_to(one.dataset.version)) for one in links]
        return table((_("dataset"), _("catalogue")), rows)

    @admin.display(description=_("files"))
    @made_once
    def files(self, run: Run) -> SafeString | str:
        """The first files, and the way to all of them where there are more."""
        found = run.artifacts.select_related("run").order_by("path")
        rows = [
            (download_link(one), f"{one.size_bytes:,}", one.sha256[:12])
            for one in found[:SHOWN_FILES]
        ]
        shown = table((_("file"), _("bytes"), "SHA-256"), rows)
        count = found.count()
        if count <= SHOWN_FILES:
            return shown
        every = _("All %(count)d files") % {"count": count}
        way = format_html('<p><a href="{}">{}</a></p>', page_url(run, "files"), every)
        return format_html("{}{}", shown, way)

    @admin.display(description=_("logged models"))
    @made_once
    def logged_models(self, run: Run) -> SafeString | str:
        rows = [(link_to(one), one.status) for one in run.logged_models.all()]
        return table((_("logged model"), _("status")), rows)

    @admin.display(description=_("model versions"))
    @made_once
    def versions(self, run: Run) -> SafeString | str:
        found = run.model_versions.select_related("model")
        rows = [(link_to(one), one.get_stage_display()) for one in found]
        return table((_("model version"), _("stage")), rows)

    def save_model(
        self,
        request: HttpRequest,
        obj: Run,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        given = form.cleaned_data
        if change:
            obj.describe(given["notes"], by=staff(request))
            return
        made = Run.start(
            given["experiment"],
            by=staff(request),
            name=given["name"],
            notes=given["notes"],
        )
        obj.pk = made.pk

    def get_urls(self) -> list[URLPattern]:
        tasks = {"upload": self.upload_view, "register": self.register_view}
        return [*task_urls(self, tasks), *super().get_urls()]

    @action(description=_("Upload a file"), permissions=["add_artifact"])
    def upload(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.to_form(request, object_id, "lifecycle_run_upload")

    @action(description=_("Register a model version"), permissions=["add_version"])
    def register(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.to_form(request, object_id, "lifecycle_run_register")

    def upload_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        run = self._run(request, pk, allowed=self.has_add_artifact_permission(request))

        def save(form: forms.Form) -> Run:
            file = form.cleaned_data["file"]
            place = form.cleaned_data["path"] or file.name
            run.refuse_if_closed()
            artifacts.save(run, place, file.chunks(), by=staff(request))
            return run

        title = _("Upload a file to %(run)s") % {"run": run}
        return serve_form(
            self, request, Task(ArtifactUploadForm, title, str(_("Upload")), save)
        )

    def register_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        run = self._run(request, pk, allowed=self.has_add_version_permission(request))

        def save(form: RegisterForm) -> ModelVersion:
            return form.register(run, by=staff(request))

        title = _("Register a model version of %(run)s") % {"run": run}
        task = Task(RegisterForm, title, str(_("Register")), save)
        return serve_form(self, request, task)

    def _run(self, request: HttpRequest, pk: str, *, allowed: bool) -> Run:
        run: Run | None = self.get_object(request, pk)
        if run is None or not allowed:
            raise Http404
        return run

    def has_add_artifact_permission(
        self, request: HttpRequest, object_id: Any = None
    ) -> bool:
        return bool(request.user.has_perm("lifecycle.add_artifact"))

    def has_add_version_permission(
        self, request: HttpRequest, object_id: Any = None
    ) -> bool:
        return bool(request.user.has_perm("lifecycle.add_modelversion"))

    @admin.action(description=_("End as completed"), permissions=["change"])
    def complete(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        ended = RunStatus.COMPLETED
        act(self, request, queryset, lambda row, by: row.finish(ended, by=by))

    @admin.action(description=_("End as failed"), permissions=["change"])
    def fail(
        self, request: HttpRequest, queryset: QuerySet[Run]
    ) -> HttpResponse | None:
        return self._break_off(request, queryset, RunStatus.FAILED)

    @admin.action(description=_("Cancel"), permissions=["change"])
    def cancel(
        self, request: HttpRequest, queryset: QuerySet[Run]
    ) -> HttpResponse | None:
        return self._break_off(request, queryset, RunStatus.CANCELLED)

    @admin.action(description=_("Delete (can be restored)"), permissions=["delete"])
    def remove(
        self, request: HttpRequest, queryset: QuerySet[Run]
    ) -> HttpResponse | None:
        def remove(row: Run, by: User, _reason: str) -> None:
            row.delete_softly(by=by)

        return ask_first(self, request, queryset, remove)

    @admin.action(description=_("Restore"), permissions=["delete"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        act(self, request, queryset, lambda row, by: row.restore(by=by))

    def _break_off(
        self, request: HttpRequest, queryset: QuerySet[Run], status: RunStatus
    ) -> HttpResponse | None:
        def finish(row: Run, by: User, _reason: str) -> None:
            row.finish(status, by=by)

        return ask_first(self, request, queryset, finish)

    def get_actions(self, request: HttpRequest) -> Any:
        # Django's own would delete the rows and leave the bytes of the artifacts.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and bool(super().has_delete_permission(request, obj))
