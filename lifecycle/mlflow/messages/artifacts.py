"""Files as the protocol lists them, and their answers."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from lifecycle import downloads
from lifecycle.folders import entries
from lifecycle.mlflow.errors import Missing
from lifecycle.models import Artifact, LoggedModel, Run
from mlops.core.ranges import NoSuchRange


def listing(owner: Run | LoggedModel, folder: str) -> list[tuple[str, int | None]]:
    """Return (path, size) of what lies directly in a folder, sorted; a folder has None.

    Files that are elsewhere are not listed.
    """
    found = entries(owner, folder, only_stored=True)
    return [(one.path, None if one.is_folder else one.size_bytes) for one in found]


def file_messages(
    files: list[tuple[str, int | None]], *, below: str = ""
) -> list[dict[str, Any]]:
    """Return FileInfo messages; paths are shown relative to the folder `below`."""
    start = len(below) + 1 if below else 0
    return [
        {"path": path[start:], "is_dir": True}
        if size is None
        else {"path": path[start:], "is_dir": False, "file_size": size}
        for path, size in files
    ]


def stored(owner: Run | LoggedModel, path: str) -> Artifact:
    """Return the stored file under a path. Raises Missing."""
    found: Artifact | None = owner.artifacts.filter(path=path, is_stored=True).first()
    if found is None:
        raise Missing(f"No such artifact: '{path}'")
    return found


def file_answer(request: HttpRequest, artifact: Artifact) -> HttpResponseBase:
    """Return the file, or the part that `Range` asks for, always as a download."""
    try:
        return downloads.streamed(request, artifact)
    except NoSuchRange as none:
        return HttpResponse(status=416, headers=none.headers)
    except FileNotFoundError:
        raise Missing(f"The file of the artifact '{artifact.path}' is gone.") from None
