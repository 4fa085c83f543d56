"""The form that uploads a file to a run."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from mlops.core.fields import Text
from mlops.core.serializers import StrictSerializer


@extend_schema_serializer(component_name="RunArtifactUpload")
class ArtifactUploadSerializer(StrictSerializer):
    file = serializers.FileField(allow_empty_file=True, max_length=1000)
    path = Text(
        required=False,
        max_length=1000,
        help_text="Relative to the run; left out, the file's own name.",
    )
