"""What the viewsets of a dataset share: how it is found, how answers are cached."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from django.db.models import Model
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Dataset, DatasetVersion
from datasets.serializers.queries import disambiguate, is_ambiguous
from datasets.stored_answers import Question, joined
from datasets.uploads import IncomingHandler
from mlops.core import etags
from mlops.core.authentication import SAFE_METHODS
from mlops.core.errors import PreconditionFailed
from mlops.core.json import JSONParser
from mlops.core.uploads import ReceivingViewSet
from mlops.core.viewsets import ApiViewSet

TAGS = ["Feature Store", "ML"]
CACHING = "private, no-cache"


class DatasetBase(ApiViewSet):
    """A viewset below `/features/datasets/{dataset_id}`, by id or name."""

    permission_model = "datasets.dataset"
    queryset = Dataset.objects.all()
    lookup_url_kwarg = "dataset_id"
    # Reading a file takes long and receiving one longer: no transaction around it.
    atomic_writes = False
    downloads: ClassVar[frozenset[str]] = frozenset()
    """Actions that answer with a file: `format` decides which, not `Accept`."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 - DRF's signature
        """Let a download pass whatever `Accept` says."""
        is_download = getattr(self, "action", None) in self.downloads
        return super().perform_content_negotiation(request, force or is_download)

    def find_object(self) -> Model:
        return self.find_dataset()

    def find_dataset(self) -> Dataset:
        """Return the dataset of the URL. Raises DatasetNotFound."""
        return Dataset.objects.find(self.kwargs["dataset_id"])

    def dataset(self) -> Dataset:
        """Return the dataset that a question or a new part is about.

        Raises PreconditionFailed when `If-Match` of a write names another state; what
        is written then compares it once more, under the lock of the row.
        """
        dataset = self.find_dataset()
        self.check_object_permissions(self.request, dataset)
        self.fetched = dataset
        wanted = self.request.headers.get("If-Match", "").strip()
        if wanted and wanted != "*" and self.request.method not in SAFE_METHODS:
            if not etags.same_state(wanted, dataset):
                raise PreconditionFailed(etags.CHANGED)
            dataset.expected_state = etags.state(dataset)
        return dataset

    def version(
        self, dataset: Dataset, label: str = "latest", *, field: str = "version"
    ) -> DatasetVersion:
        """Return the version that a label means. Raises VersionNotFound, NotReady."""
        shown = dataset.shown_version if label == "latest" else None
        if shown is None:
            return dataset.versions.of_label(label, field=field).require_content()
        shown.dataset = dataset
        return shown.require_content()

    def requested_version(self, query: dict[str, Any]) -> DatasetVersion:
        """Return the version of a query whose names of columns may hold commas."""
        version = self.version(self.dataset(), query["version"])
        if is_ambiguous(query):
            disambiguate(query, version.column_names)
        return version

    def answer(
        self,
        request: Request,
        question: Question,
        head: Mapping[str, Any] | None = None,
    ) -> Response:
        """Return the (stored) answer, or 304 to a client that has it."""
        headers = {"ETag": question.etag, "Cache-Control": CACHING}
        if etags.is_named(request.headers.get("If-None-Match"), question.etag):
            return Response(status=304, headers=headers)
        body = question.body()
        shown = orjson.Fragment(body) if head is None else joined(head, body)
        return Response(shown, headers=headers)


class UploadsMixin(ReceivingViewSet):
    """Receives multipart files straight to `incoming`, hashed on the way."""

    parser_classes = [MultiPartParser, JSONParser]
    upload_handler = IncomingHandler


def about(version: DatasetVersion) -> dict[str, Any]:
    """Return what every answer about a content starts with."""
    return {"dataset_id": str(version.dataset_id), "version": version.number}
