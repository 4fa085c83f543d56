"""Resumable uploads: announce a file, send it in chunks, name it in a dataset.

The PATCH is the one of tus 1.0 (`Upload-Offset`, `application/offset+octet-stream`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import UploadSession
from datasets.serializers.upload import UploadCreateSerializer, UploadSerializer
from datasets.viewsets.features import TAGS
from mlops.core.errors import BadHeader
from mlops.core.headers import UPLOAD_OFFSET
from mlops.core.json import JSONParser
from mlops.core.queries import whole_number
from mlops.core.schema.parameters import answered, header_parameter
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import ApiViewSet, created

ROUTE = "/api/v1/features/uploads"
CHUNK_BYTES = 1 << 20


class StreamParser(BaseParser):
    """Hands the body over unread: it is written as it arrives."""

    media_type = "application/offset+octet-stream"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return stream


class UploadViewSet(ApiViewSet):
    """The caller's own uploads."""

    permission_model = "datasets.uploadsession"
    action_permissions = {"append": "add", "destroy": "add"}
    queryset = UploadSession.objects.all()
    lookup_url_kwarg = "upload_id"
    parser_classes = [StreamParser, JSONParser]
    atomic_writes = False

    def get_parsers(self) -> list[BaseParser]:
        """Return what reads the body: bytes for a chunk, JSON for the rest.

        A chunk that is called JSON would be parsed, and nothing of it written.
        """
        # Who describes the API makes views without a request.
        is_chunk = getattr(self.request, "method", "") == "PATCH"
        return [StreamParser() if is_chunk else JSONParser()]

    def find_object(self) -> UploadSession:
        return UploadSession.objects.find(
            self.kwargs["upload_id"], by=actor(self.request)
        )

    @extend_schema(
        operation_id="createUpload",
        summary="Create Upload",
        tags=TAGS,
        request={"application/json": UploadCreateSerializer},
        responses={201: UploadSerializer},
    )
    def create(self, request: Request) -> Response:
        """Announce a file; its chunks follow by PATCH within a day of each other."""
        fields = validated(UploadCreateSerializer, request)
        upload = UploadSession.begin(**fields, by=actor(request))
        return created(UploadSerializer(upload).data, location=f"{ROUTE}/{upload.pk}")

    @extend_schema(
        operation_id="getUpload",
        summary="Get Upload",
        tags=TAGS,
        parameters=[answered(UPLOAD_OFFSET, 200)],
        responses=UploadSerializer,
    )
    def retrieve(self, request: Request, upload_id: str) -> Response:
        """Say how many bytes have arrived, which is where the next chunk starts."""
        return _progress(self.get_object())

    @extend_schema(
        operation_id="appendUpload",
        summary="Append Upload",
        tags=TAGS,
        request={"application/offset+octet-stream": OpenApiTypes.BINARY},
        parameters=[
            header_parameter(UPLOAD_OFFSET, required=True),
            answered(UPLOAD_OFFSET, 200),
        ],
        responses=UploadSerializer,
    )
    def append(self, request: Request, upload_id: str) -> Response:
        """Write a chunk; 409 with the right offset when it does not fit on."""
        upload = self.get_object()
        offset = _offset(request)
        upload.append(offset, _chunks(request.data))
        return _progress(upload)

    @extend_schema(
        operation_id="deleteUpload",
        summary="Delete Upload",
        tags=TAGS,
        responses={204: None},
    )
    def destroy(self, request: Request, upload_id: str) -> Response:
        """Give the upload up and delete what has arrived."""
        self.get_object().discard()
        return Response(status=204)


def _progress(upload: UploadSession) -> Response:
    headers = {"Upload-Offset": str(upload.offset), "Cache-Control": "no-store"}
    return Response(UploadSerializer(upload).data, headers=headers)


def _offset(request: Request) -> int:
    name = UPLOAD_OFFSET.name
    text = request.headers.get(name, "")
    offset = whole_number(text, least=0, most=UPLOAD_OFFSET.schema["maximum"])
    if offset is None:
        raise BadHeader(f"{name} must be a number of bytes.", field=name)
    return offset


def _chunks(stream: Any) -> Iterator[bytes]:
    if not hasattr(stream, "read"):
        return
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk
