"""The files of a run over REST: up, listed, down."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle import artifacts, downloads
from lifecycle.addresses import address
from lifecycle.models import Artifact, Run
from lifecycle.paths import stored_key
from lifecycle.serializers.artifact import ArtifactUploadSerializer
from lifecycle.serializers.run import RunArtifactSerializer
from lifecycle.viewsets.base import TAGS
from mlops.core.errors import NotFound
from mlops.core.schema.parameters import RANGED
from mlops.core.serializers import actor, validated
from mlops.core.uploads import ReceivingHandler, ReceivingViewSet
from mlops.core.viewsets import created


class ArtifactHandler(ReceivingHandler):
    """Django's upload handler for the files of runs."""

    def new_key(self) -> str:
        return stored_key(uuid.uuid4())


class ArtifactViewSet(ReceivingViewSet):
    permission_model = "lifecycle.artifact"
    action_permissions = {"download": "view"}
    serializer_class = RunArtifactSerializer
    parser_classes = [MultiPartParser]
    upload_handler = ArtifactHandler
    sort_fields = {
        "path": "path",
        "size_bytes": "size_bytes",
        "created_at": "created_at",
    }

    def find_object(self) -> Run:
        return Run.objects.find(self.kwargs["run_id"])

    def get_queryset(self) -> QuerySet[Artifact]:
        return Artifact.objects.select_related("created_by", "run").order_by("path")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a run that takes nothing before a byte of the file is read."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            self.find_object().refuse_if_closed()

    @extend_schema(
        operation_id="listRunArtifacts", summary="List Run Artifacts", tags=TAGS
    )
    def list(self, request: Request, run_id: str) -> Response:
        """Returns the files of the run, and the references to files elsewhere."""
        files = self.get_queryset().filter(run=self.get_object())
        page = self.paginate_queryset(self.filter_queryset(files))
        return self.get_paginated_response(_shown(page or []))

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
        responses={
            **{
                (status, kind): OpenApiResponse(OpenApiTypes.BINARY)
                for status in (200, 206)
                for kind in downloads.MEDIA_TYPES
            },
            416: OpenApiResponse(description="The file has no such range."),
        },
    )
    def download(self, request: Request, run_id: str, path: str) -> HttpResponseBase:
        """The bytes as an attachment; `Range` is understood."""
        run: Run = self.get_object()
        self.fetched = None
        place = path.removesuffix("/")
        artifact = self.get_queryset().filter(run=run, path=place).first()
        if artifact is None:
            raise NotFound(f"The run has no file {place!r}.", field="path")
        return downloads.respond(request, artifact)


def _url_of(artifact: Artifact) -> str | None:
    return _address(artifact) if artifact.is_stored else None


def _address(artifact: Artifact) -> str:
    run = artifact.run
    return address("runs", run.uid if run else "", "artifacts", artifact.path)


def _shown(files: list[Artifact]) -> list[dict[str, Any]]:
    rows = RunArtifactSerializer(files, many=True, context={"url_of": _url_of})
    return list(rows.data)
