"""Files, logged models and drift events: shown, and removed where that is safe."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from lifecycle import artifacts
from lifecycle.admin.base import download_link, link_to, moment, table
from lifecycle.admin.files import FilesPage
from lifecycle.models import Artifact, DriftEvent, LoggedModel
from lifecycle.times import from_ms
from mlops.core.admin import ReadOnly
from mlops.core.admin.confirm import ask_first
from mlops.core.models import User


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly):
    list_display = ("path", "home", "artifact_type", "size_bytes", "is_stored")
    list_filter = ("artifact_type", "is_stored", "created_at")
    search_fields = ("path", "run__uid", "logged_model__id", "sha256")
    list_select_related = ("run", "logged_model", "created_by")
    fields = (
        "download",
        "home",
        "artifact_type",
        "size_bytes",
        "sha256",
        "uri",
        "versions",
        "created_by",
        "created_at",
    )
    readonly_fields = ("download", "home", "versions")
    actions: ClassVar = ("remove",)

    @admin.display(description=_("file"))
    def download(self, artifact: Artifact) -> SafeString | str:
        return download_link(artifact)

    @admin.display(description=_("belongs to"))
    def home(self, artifact: Artifact) -> SafeString | str:
        return link_to(artifact.run or artifact.logged_model)

    @admin.display(description=_("model versions"))
    def versions(self, artifact: Artifact) -> SafeString | str:
        found = artifact.model_versions.select_related("model")
        return table((_("model version"),), [(link_to(one),) for one in found])

    @admin.action(description=_("Remove the selected files"), permissions=["remove"])
    def remove(
        self, request: HttpRequest, queryset: QuerySet[Artifact]
    ) -> HttpResponse | None:
        def remove(row: Artifact, by: User, _reason: str) -> None:
            artifacts.delete(row, by=by)

        return ask_first(self, request, queryset, remove)

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("lifecycle.delete_artifact"))


@admin.register(LoggedModel)
class LoggedModelAdmin(FilesPage, ReadOnly):
    actions_detail = ("open_files",)
    list_display = ("name", "id", "experiment", "run_link", "status", "made")
    list_filter = ("status", ("experiment", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("name", "id", "source_run__uid")
    list_select_related = ("experiment", "source_run")
    fields = (
        "name",
        "id",
        "experiment",
        "run_link",
        "model_type",
        "status",
        "status_message",
        "made",
        "files",
        "versions",
    )
    readonly_fields = ("run_link", "made", "files", "versions")

    @admin.display(description=_("run"))
    def run_link(self, model: LoggedModel) -> SafeString | str:
        return link_to(model.source_run)

    @admin.display(description=_("created"), ordering="created_ms")
    def made(self, model: LoggedModel) -> SafeString | str:
        return moment(from_ms(model.created_ms))

    @admin.display(description=_("files"))
    def files(self, model: LoggedModel) -> SafeString | str:
        rows = [(link_to(one), f"{one.size_bytes:,}") for one in model.artifacts.all()]
        return table((_("file"), _("bytes")), rows)

    @admin.display(description=_("model versions"))
    def versions(self, model: LoggedModel) -> SafeString | str:
        found = model.model_versions.select_related("model")
        return table((_("model version"),), [(link_to(one),) for one in found])


@admin.register(DriftEvent)
class DriftEventAdmin(ReadOnly):
    list_display = (
        "metric_name",
        "version_link",
        "severity",
        "metric_value",
        "threshold",
        "detected_at",
    )
    list_filter = (
        "severity",
        ("version__model", AutocompleteSelectFilter),
        "detected_at",
    )
    list_filter_submit = True
    search_fields = ("metric_name", "version__model__name", "message")
    list_select_related = ("version__model", "recorded_by")
    readonly_fields = ("version_link",)

    @admin.display(description=_("model version"))
    def version_link(self, event: DriftEvent) -> SafeString | str:
        return link_to(event.version)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            "version_link",
            *(f for f in super().get_fields(request, obj) if f != "version_link"),
        ]
