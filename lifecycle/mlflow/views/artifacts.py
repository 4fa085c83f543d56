"""Artifacts: up in one piece, down whole or in part, listed, deleted.

A path is looked up as a row. Nothing here touches a file system by a client's word.
"""

from collections.abc import Iterator

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from lifecycle import artifacts
from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fields import QueryFields
from lifecycle.mlflow.locations import (
    ArtifactLocation,
    location_of,
    owner_of,
    run_location,
    safe_path,
)
from lifecycle.mlflow.messages.artifacts import (
    file_answer,
    file_messages,
    listing,
    stored,
)
from lifecycle.mlflow.names import find_version, no_logged_model
from lifecycle.models import LoggedModel, Run
from mlops.core.blobs import CHUNK_BYTES


def list_of_run(call: MlflowCall) -> Answer:
    """List a folder of a run, with paths from the run's root.

    An empty folder has an empty list: the pages that compare runs fail without one.
    """
    path = safe_path(call.fields.text("path"))
    run = _run(call.fields.run_id())
    label = run.experiment.artifact_label
    files = file_messages(listing(run, path))
    answer = {"root_uri": run_location(run.experiment_id, run.uid, label)}
    return {**answer, "files": files}


def list_below(call: MlflowCall) -> Answer:
    """List a folder below the artifacts' root, with paths from that folder."""
    location = location_of(call.fields.text("path"))
    if location is None:
        return {}
    try:
        owner = owner_of(location)
    except Missing:
        return {}
    files = file_messages(listing(owner, location.path), below=location.path)
    return {"files": files} if files else {}


def get(call: MlflowCall) -> Answer:
    location = _named_place(call)
    return file_answer(call.request, stored(owner_of(location), location.path))


def put(call: MlflowCall) -> Answer:
    """Keep the body under the path; the row appears when all of it is on disk."""
    location = _named_place(call)
    owner = owner_of(location)
    _refuse_deleted(owner)
    artifacts.save(owner, location.path, body_of(call.request), by=call.by)
    return HttpResponse(b"{}", content_type="application/json")


def delete(call: MlflowCall) -> Answer:
    """Delete a file, or a folder with all in it or none of it; never a whole run."""
    location = _named_place(call)
    owner = owner_of(location)
    if isinstance(owner, LoggedModel):
        _refuse_deleted(owner)
    inside = f"{location.path}/"
    rows = owner.artifacts.filter(is_stored=True)
    named = [
        artifact
        for artifact in [
            *rows.filter(path=location.path),
            *rows.filter(path__startswith=inside),
        ]
        if artifact.path == location.path or artifact.path.startswith(inside)
    ]
    if not named:
        raise Missing(f"No such artifact: '{location.path}'")
    with transaction.atomic():
        for artifact in named:
            artifacts.delete(artifact, by=call.by)
    return HttpResponse(b"{}", content_type="application/json")


def upload(call: MlflowCall) -> Answer:
    """Keep a file that a page of the protocol's own UI sends."""
    fields = QueryFields(call.request.META.get("QUERY_STRING", ""))
    for name in ("run_uuid", "path"):
        if not fields.text(name):
            raise InvalidValue(f"Request must specify {name}.")
    path, run = safe_path(fields.text("path")), _run(fields.text("run_uuid"))
    if call.request.META.get("CONTENT_LENGTH") in {None, "", "0"}:
        raise InvalidValue("Request must specify data.")
    _refuse_deleted(run)
    artifacts.save(run, path, body_of(call.request), by=call.by)
    return {}


def download_of_run(call: MlflowCall) -> Answer:
    path = safe_path(call.fields.text("path", required=True))
    return file_answer(call.request, stored(_run(call.fields.run_id()), path))


def download_of_version(call: MlflowCall) -> Answer:
    """Return a file of a registered version, from its logged model or its run."""
    fields = call.fields
    path = safe_path(fields.text("path", required=True))
    version = find_version(
        fields.text("name", required=True), fields.text("version", required=True)
    )
    if version.logged_model is not None:
        return file_answer(call.request, stored(version.logged_model, path))
    if version.run is None:
        raise Missing("This version's files are not kept here.")
    inner = f"{version.artifact_path}/{path}".lstrip("/")
    return file_answer(call.request, stored(version.run, inner))


def list_of_model(call: MlflowCall) -> Answer:
    """List a folder of a logged model, with paths from the model's root."""
    model = _model(call.path["model_id"])
    path = safe_path(call.fields.text("artifact_directory_path"))
    files = file_messages(listing(model, path))
    return {"files": files} if files else {}


def download_of_model(call: MlflowCall) -> Answer:
    path = safe_path(call.fields.text("artifact_file_path", required=True))
    model = _model(call.path["model_id"])
    return file_answer(call.request, stored(model, path))


def body_of(request: HttpRequest) -> Iterator[bytes]:
    """Yield the body as it comes in. Raises InvalidValue if it ends too early."""
    declared = request.META.get("CONTENT_LENGTH", "")
    if not declared:
        yield from _chunked(request)
        return
    left = int(declared) if declared.isdecimal() else 0
    while left and (chunk := request.read(min(CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk
    if left:
        raise InvalidValue("The upload ended before all of it was sent.")


def _chunked(request: HttpRequest) -> Iterator[bytes]:
    """Yield a body without a Content-Length; the server ends it."""
    if request.META.get("HTTP_TRANSFER_ENCODING", "").lower() != "chunked":
        return
    stream = request.META["wsgi.input"]
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _named_place(call: MlflowCall) -> ArtifactLocation:
    """Return the place in the address; it must name something inside a run."""
    location = location_of(call.path["path"])
    if location is None or not location.path:
        raise InvalidValue("Invalid path")
    return location


def _refuse_deleted(owner: Run | LoggedModel) -> None:
    """Raise for what is deleted, also with its experiment: it is read until a purge."""
    if isinstance(owner, LoggedModel) and owner.deleted_ms is not None:
        raise no_logged_model(owner.pk)
    if owner.deleted_ms is None and owner.experiment.deleted_at is None:
        return
    name = f"run {owner.uid}" if isinstance(owner, Run) else f"logged model {owner.pk}"
    raise InvalidValue(
        f"The {name} must be in the 'active' state. Current state is deleted."
    )


def _run(uid: str) -> Run:
    run = Run.objects.select_related("experiment").filter(uid=uid).first()
    if run is None:
        raise Missing(f"Run with id={uid} not found")
    return run


def _model(model_id: str) -> LoggedModel:
    """Return the logged model, whose files are there until it is purged."""
    model = LoggedModel.objects.filter(pk=model_id).first()
    if model is None:
        raise no_logged_model(model_id)
    return model
