"""The document and its browser. Public: they hold no data, and clients read them."""

from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from mlops.core.schema.profiles import SeedGenerator


@extend_schema(exclude=True)
class SchemaView(SpectacularAPIView):
    """The document, always in English: generated clients must not vary."""

    def _get_schema_response(self, request: Request) -> Any:
        with translation.override("en"):
            return super()._get_schema_response(request)  # type: ignore[no-untyped-call]  # theirs


class SeedSchemaView(SchemaView):
    """The document in the words of the first client."""

    generator_class = SeedGenerator
