"""How views and serializers are described; what is true of all of our operations."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance, get_doc
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer

from mlops.core import headers
from mlops.core.schema.parameters import header_parameter
from mlops.core.serializers import AnswerSerializer, StrictSerializer
from mlops.core.viewsets import ApiViewSet

_IDEMPOTENCY_KEY = header_parameter(headers.IDEMPOTENCY_KEY)

_SEEN, _ANY = r"[^\s\u0000]", r"[^\u0000]"


class ApiSchema(AutoSchema):
    """drf-spectacular's schema, with the headers and answers of `ApiViewSet`."""

    def get_description(self) -> str:  # type: ignore[override]  # as AutoSchema
        """Return the docstring of the method; that of the class is for us."""
        method = getattr(self.view, getattr(self.view, "action", None) or "", None)
        return str(get_doc(method)) if method else str(super().get_description())

    def get_override_parameters(self) -> list[Any]:
        own = list(super().get_override_parameters())
        if isinstance(self.view, ApiViewSet):
            return [*own, *self._headers(self.view)]
        return own

    def _get_format_parameters(self) -> list[Any]:
        """Describe no `format`: what is answered is chosen by `Accept` alone."""
        return []

    def _headers(self, view: ApiViewSet) -> list[OpenApiParameter]:
        keys = [_IDEMPOTENCY_KEY] if view.takes_keys and self.method == "POST" else []
        tags = view.tag_header(self.method, is_below="{" in self.path)
        return [*keys, header_parameter(tags)] if tags else keys

    def _map_basic_serializer(
        self, serializer: BaseSerializer[Any], direction: str
    ) -> Any:
        """Describe an answer as it is written: all there but what may be unknown."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]  # theirs
        kind: type = serializer if isinstance(serializer, type) else type(serializer)
        if kind.__doc__ is None:
            schema.pop("description", None)  # what a base class says is for us
        if issubclass(kind, AnswerSerializer):
            _finish_answer(schema, kind.absent_when_unknown)
        elif issubclass(kind, StrictSerializer):
            schema["additionalProperties"] = False
            body = force_instance(serializer)  # type: ignore[no-untyped-call]  # theirs
            _finish_body(schema, body.fields)
        return schema


def _finish_body(schema: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Say what texts are refused, and that files are bytes."""
    for name, part in schema.get("properties", {}).items():
        field = fields[name]
        is_list = isinstance(field, serializers.ListField)
        _finish_value(*((part["items"], field.child) if is_list else (part, field)))


def _finish_value(part: dict[str, Any], field: Any) -> None:
    if isinstance(field, serializers.FileField):
        part["format"] = "binary"
    elif isinstance(field, serializers.CharField):
        part.setdefault("pattern", text_pattern(field))


def text_pattern(field: serializers.CharField) -> str:
    """Return which texts a field takes.

    None with NUL; blanks around a text do not count.
    """
    if pattern := getattr(field, "pattern", ""):
        return str(pattern)
    least = 0 if field.allow_blank else max(field.min_length or 1, 1)
    if not least:
        return f"^{_ANY}*$"
    if not field.trim_whitespace:
        return f"^{_ANY}+$" if least == 1 else f"^{_ANY}{{{least},}}$"
    if least == 1:
        return f"^{_ANY}*{_SEEN}{_ANY}*$"
    return rf"^\s*{_SEEN}{_ANY}{{{least - 2},}}{_SEEN}\s*$"


def _finish_answer(schema: dict[str, Any], absent: frozenset[str]) -> None:
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    for name, field in properties.items():
        field.pop("readOnly", None)
        field.pop("default", None)
        field.pop("minLength", None)
        if name in absent:
            field.pop("nullable", None)
    required = sorted(set(properties) - absent)
    if required:
        schema["required"] = required
    else:
        schema.pop("required", None)
