"""The document and its browser. Public: they hold no data, and clients read them."""

import hashlib
import threading
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from mlops import memory
from mlops.core import etags
from mlops.core.schema.profiles import SeedGenerator

Made = tuple[bytes, dict[str, str]]


@extend_schema(exclude=True)
class SchemaView(SpectacularAPIView):
    """The document, always in English: generated clients must not vary.

    It is the same as long as the process lives, and made once in each form: that
    takes a second of a processor, and more memory than all else that is answered.
    """

    _made: ClassVar[dict[tuple[type, str], Made]] = {}
    _making: ClassVar[threading.Lock] = threading.Lock()

    def _get_schema_response(self, request: Request) -> HttpResponse:
        key = (type(self), request.accepted_renderer.format)
        with self._making:
            if key not in self._made:
                self._made[key] = self._make(request)
                memory.give_back()
        body, headers = self._made[key]
        if etags.is_named(request.headers.get("If-None-Match"), headers["ETag"]):
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(body, headers=headers)

    def _make(self, request: Request) -> Made:
        with translation.override("en"):
            response: Any = super()._get_schema_response(request)  # type: ignore[no-untyped-call]  # theirs
            response = self.finalize_response(request, response)
            response.render()
        body = bytes(response.content)
        digest = hashlib.sha256(body).hexdigest()[:32]
        caching = {"ETag": f'"{digest}"', "Cache-Control": "no-cache"}
        return body, {**dict(response.items()), **caching}

    def _get_version_parameter(self, request: Request) -> None:
        """Answer with the one document that there is, whatever is asked for."""


class SeedSchemaView(SchemaView):
    """The document in the words of the first client."""

    generator_class = SeedGenerator
