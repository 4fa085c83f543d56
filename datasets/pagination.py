"""The two lists of this app that the contract wants in an envelope."""

from typing import Any, ClassVar

from rest_framework.response import Response

from mlops.core.pagination import ArrayPagination
from mlops.core.schema import ApiSchema


class EnvelopePagination(ArrayPagination):
    """Answers `{<envelope>: [...], "total": n}`."""

    envelope: ClassVar[str]

    def get_paginated_response(self, data: Any) -> Response:
        whole = {self.envelope: data, "total": self.total}
        return Response(whole, headers=self.headers())

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {self.envelope: schema, "total": {"type": "integer"}},
            "required": [self.envelope, "total"],
        }


class FeaturePagination(EnvelopePagination):
    envelope = "features"


class DatasetPagination(EnvelopePagination):
    envelope = "datasets"


class EnvelopeSchema(ApiSchema):
    """Gives the envelope the name that the contract has for it."""

    def get_paginated_name(self, serializer_name: str) -> str:
        return serializer_name.replace("Response", "ListResponse")
