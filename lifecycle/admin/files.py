"""The page of the files of a run or logged model: folders, and a look into a file."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from lifecycle.addresses import address
from lifecycle.folders import FolderEntry, entries
from lifecycle.models import LoggedModel, Run
from mlops.core.admin.base import AdminPage, shown_bytes
from mlops.core.admin.work import Tab, page_url, work_response

MOST_ENTRIES = 1_000


class FilesPage(AdminPage):
    """Gives each row that has files a page of them at `<pk>/files/`."""

    def get_urls(self) -> list[URLPattern]:
        meta = self.opts
        own = path(
            "<path:object_id>/files/",
            self.admin_site.admin_view(self.files_view),
            name=f"{meta.app_label}_{meta.model_name}_files",
        )
        return [own, *super().get_urls()]

    def work_tabs(self, request: HttpRequest, obj: Any) -> list[Tab]:
        """Return the row's tabs, "Files" before the last, which is its record."""
        above = getattr(super(), "work_tabs", None)
        record = Tab(_("Record"), page_url(obj, "change"))
        tabs = above(request, obj) if above else [record]
        url = page_url(obj, "files")
        files = Tab(_("Files"), url, active=request.path == url)
        return [*tabs[:-1], files, tabs[-1]]

    @action(description=_("Look into the files"), url_path="open-files")
    def open_files(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.existing(request, object_id)
        return HttpResponseRedirect(page_url(row, "files"))

    def files_view(self, request: HttpRequest, object_id: str) -> TemplateResponse:
        """Answer with a folder, and the chosen file beside it."""
        owner = self.get_object(request, object_id)
        may_see = request.user.has_perm("lifecycle.view_artifact")
        if not self.has_view_permission(request, owner) or not may_see:
            raise PermissionDenied
        if owner is None:
            raise Http404
        meta = self.opts
        context = {
            **_shown(owner, request),
            "object": owner,
            "opts": meta,
            "title": str(owner),
            "tabs": self.work_tabs(request, owner),
            "list_title": meta.verbose_name_plural,
            "list_url": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"),
        }
        return work_response(request, "lifecycle/files.html", context)


def _shown(owner: Run | LoggedModel, request: HttpRequest) -> dict[str, Any]:
    chosen = request.GET.get("file", "")
    folder = request.GET.get("folder", chosen.rpartition("/")[0]).strip("/")
    found = entries(owner, folder)
    if folder and not found:
        raise Http404
    file = next((one.file for one in found if one.path == chosen), None)
    if chosen and file is None:
        raise Http404
    return {
        "way": list(_way(folder)),
        "entries": [_line(one, chosen) for one in found[:MOST_ENTRIES]],
        "entry_count": f"{len(found):,}",
        "is_cut": len(found) > MOST_ENTRIES,
        "file": file,
        "file_size": shown_bytes(file.size_bytes) if file else "",
        "preview": _address(owner, "previews", chosen),
        "download": _address(owner, "artifacts", chosen),
    }


def _way(folder: str) -> Iterator[tuple[str, str]]:
    """Yield each folder on the way to this one, and the query that opens it."""
    parts = folder.split("/") if folder else []
    for place, name in enumerate(parts):
        yield name, urlencode({"folder": "/".join(parts[: place + 1])})


def _line(entry: FolderEntry, chosen: str) -> dict[str, Any]:
    key = "folder" if entry.is_folder else "file"
    return {
        "name": entry.name,
        "query": urlencode({key: entry.path}),
        "size": shown_bytes(entry.size_bytes),
        "count": f"{entry.file_count:,}",
        "is_folder": entry.is_folder,
        "is_chosen": entry.path == chosen,
    }


def _address(owner: Run | LoggedModel, kind: str, file: str) -> str:
    if isinstance(owner, Run):
        return address("runs", owner.uid, kind, file)
    return address("logged-models", owner.pk, kind, file)
