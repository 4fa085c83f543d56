"""Resumable uploads on the wire."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from mlops.core.fields import Text, Whole
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField


class UploadCreateSerializer(StrictSerializer):
    name = Text(max_length=255, help_text="A label, with its ending.")
    size_bytes = Whole(min_value=1, max_value=2**53)


@extend_schema_serializer(component_name="UploadResponse")
class UploadSerializer(AnswerSerializer):
    id = serializers.CharField()
    name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    offset = serializers.IntegerField(help_text="Bytes that have arrived.")
    created_at = TimeField()
    expires_at = TimeField()
