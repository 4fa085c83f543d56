"""The files of runs and logged models over REST: up, listed, looked into, down."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle import artifacts, downloads, previews
from lifecycle.addresses import address
from lifecycle.models import Artifact, LoggedModel, Run
from lifecycle.paths import stored_key
from lifecycle.serializers.artifact import (
    ArtifactPreviewSerializer,
    ArtifactUploadSerializer,
)
from lifecycle.serializers.run import RunArtifactSerializer
from lifecycle.viewsets.base import TAGS
from mlops.core.errors import NotFound
from mlops.core.schema.parameters import RANGED
from mlops.core.serializers import actor, validated
from mlops.core.uploads import ReceivingHandler, ReceivingViewSet
from mlops.core.viewsets import ApiViewSet, created


class ArtifactHandler(ReceivingHandler):
    """Django's upload handler for the files of runs."""

    def new_key(self) -> str:
        return stored_key(uuid.uuid4())


BYTES: dict[Any, Any] = {
    **{
        (status, kind): OpenApiResponse(OpenApiTypes.BINARY)
        for status in (200, 206)
        for kind in downloads.MEDIA_TYPES
    },
    416: OpenApiResponse(description="The file has no such range."),
}


class OwnedFiles(ApiViewSet):
    """Files of one owner, of which a path names one."""

    permission_model = "lifecycle.artifact"
    action_permissions = {"download": "view", "preview": "view"}
    serializer_class = RunArtifactSerializer
    sort_fields = {
        "path": "path",
        "size_bytes": "size_bytes",
        "created_at": "created_at",
    }

    def get_queryset(self) -> QuerySet[Artifact]:
        files = Artifact.objects.select_related("created_by", "run", "logged_model")
        return files.order_by("path")

    def listed(self) -> Response:
        files = self.get_queryset().filter(**self._owned())
        page = self.paginate_queryset(self.filter_queryset(files))
        return self.get_paginated_response(_shown(page or []))

    def file(self, path: str) -> Artifact:
        """Return the file under a path. Raises NotFound."""
        owned = self._owned()
        self.fetched = None
        place = path.removesuffix("/")
        artifact = self.get_queryset().filter(**owned, path=place).first()
        if artifact is None:
            raise NotFound(f"There is no file {place!r} here.", field="path")
        return artifact

    def look(self, path: str) -> Response:
        artifact = self.file(path)
        about = {"path": artifact.path, "size_bytes": artifact.size_bytes}
        found = previews.preview(artifact).shown()
        return Response(ArtifactPreviewSerializer({**about, **found}).data)

    def _owned(self) -> dict[str, Run | LoggedModel]:
        owner = self.get_object()
        return {"run" if isinstance(owner, Run) else "logged_model": owner}


class ArtifactViewSet(OwnedFiles, ReceivingViewSet):
    parser_classes = [MultiPartParser]
    upload_handler = ArtifactHandler

    def find_object(self) -> Run:
        return Run.objects.find(self.kwargs["run_id"])

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a run that takes nothing before a byte of the file is read."""
        super().initial(request, *args, **kwargs)
        if self.action == "create":
            self.find_object().refuse_if_closed()

    @extend_schema(
        operation_id="listRunArtifacts", summary="List Run Artifacts", tags=TAGS
    )
    def list(self, request: Request, run_id: str) -> Response:
        """Returns the files of the run, and the references to files elsewhere."""
        return self.listed()

    @extend_schema(
        operation_id="uploadRunArtifact",
        summary="Upload Run Artifact",
        tags=TAGS,
        request={"multipart/form-data": ArtifactUploadSerializer},
        responses={201: RunArtifactSerializer},
    )
    def create(self, request: Request, run_id: str) -> Response:
        """Keeps a file under a path relative to the run, which must not have ended.

        The same path again replaces the file, unless a model version or a deployment
        stands on it (409).
        """
        run: Run = self.get_object()
        run.refuse_if_closed()
        body = validated(ArtifactUploadSerializer, request)
        upload = body["file"]
        path = body.get("path") or upload.name
        artifact = artifacts.keep(run, path, upload.received, by=actor(request))
        return created(_shown([artifact])[0], location=_address(artifact))

    @extend_schema(
        operation_id="downloadRunArtifact",
        summary="Download Run Artifact",
        tags=TAGS,
        parameters=RANGED,
        responses=BYTES,
    )
    def download(self, request: Request, run_id: str, path: str) -> HttpResponseBase:
        """The bytes as an attachment; `Range` is understood."""
        return downloads.respond(request, self.file(path))

    @extend_schema(
        operation_id="previewRunArtifact",
        summary="Preview Run Artifact",
        tags=TAGS,
        responses=ArtifactPreviewSerializer,
    )
    def preview(self, request: Request, run_id: str, path: str) -> Response:
        """Returns the beginning of a text or table, or what a model takes and gives.

        Nothing of the file is run or loaded.
        """
        return self.look(path)


class LoggedModelArtifactViewSet(OwnedFiles):
    """The files that MLflow clients log with a model."""

    def find_object(self) -> LoggedModel:
        return LoggedModel.find(self.kwargs["model_id"])

    @extend_schema(
        operation_id="listLoggedModelArtifacts",
        summary="List Logged Model Artifacts",
        tags=TAGS,
    )
    def list(self, request: Request, model_id: str) -> Response:
        """Returns the files of the logged model, by path."""
        return self.listed()

    @extend_schema(
        operation_id="downloadLoggedModelArtifact",
        summary="Download Logged Model Artifact",
        tags=TAGS,
        parameters=RANGED,
        responses=BYTES,
    )
    def download(self, request: Request, model_id: str, path: str) -> HttpResponseBase:
        """The bytes as an attachment; `Range` is understood."""
        return downloads.respond(request, self.file(path))

    @extend_schema(
        operation_id="previewLoggedModelArtifact",
        summary="Preview Logged Model Artifact",
        tags=TAGS,
        responses=ArtifactPreviewSerializer,
    )
    def preview(self, request: Request, model_id: str, path: str) -> Response:
        """Returns what the preview of a run's file does."""
        return self.look(path)


def _url_of(artifact: Artifact) -> str | None:
    return _address(artifact) if artifact.is_stored else None


def _address(artifact: Artifact) -> str:
    if artifact.run is not None:
        return address("runs", artifact.run.uid, "artifacts", artifact.path)
    model = str(artifact.logged_model_id)
    return address("logged-models", model, "artifacts", artifact.path)


def _shown(files: list[Artifact]) -> list[dict[str, Any]]:
    rows = RunArtifactSerializer(files, many=True, context={"url_of": _url_of})
    return list(rows.data)
