"""A look at files before they become a version."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import inline_ingestion, questions, sources
from datasets.serializers.dataset_requests import DatasetPreviewRequestSerializer
from datasets.serializers.reading import DatasetPreviewSerializer
from datasets.viewsets.base import TAGS, DatasetBase, UploadsMixin
from mlops.core.serializers import actor, validated


class PreviewViewSet(UploadsMixin, DatasetBase):
    action_permissions = {"preview": "add"}

    @extend_schema(
        operation_id="previewDataset",
        summary="Preview Dataset",
        tags=TAGS,
        request={
            "multipart/form-data": DatasetPreviewRequestSerializer,
            "application/json": DatasetPreviewRequestSerializer,
        },
        responses=DatasetPreviewSerializer,
    )
    def preview(self, request: Request) -> Response:
        """Return the first rows of files, and how they are read.

        Nothing is kept, and a resumable upload is not used up. Of a text file the
        first megabyte is read: `types_are_of` says so.
        """
        fields = validated(DatasetPreviewRequestSerializer, request)
        with sources.previewed_files(fields, by=actor(request)) as files:
            outcome, first = inline_ingestion.previewed(
                files, fields.get("options") or {}
            )
        shown = {
            "source_format": outcome.format,
            "types_are_of": "whole_file" if outcome.is_whole else "rows_read",
            "rows_read": outcome.row_count,
            "columns": list(outcome.columns),
            "sample_data": first.rows,
            **questions.losses_of(first),
            "report": outcome.report,
        }
        return Response(DatasetPreviewSerializer(shown).data)
