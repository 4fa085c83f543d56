"""Files of runs and logged models: the form that uploads one, a look into one."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle.states import PreviewKind
from mlops.core.fields import Text
from mlops.core.serializers import AnswerSerializer, StrictSerializer


@extend_schema_serializer(component_name="RunArtifactUpload")
class ArtifactUploadSerializer(StrictSerializer):
    file = serializers.FileField(allow_empty_file=True, max_length=1000)
    path = Text(
        required=False,
        max_length=1000,
        help_text="Relative to the run; left out, the file's own name.",
    )


class PreviewColumnSerializer(AnswerSerializer):
    name = serializers.CharField()
    type = serializers.CharField(
        help_text="As DuckDB writes it; empty where the file says no type."
    )


class ModelValueSerializer(AnswerSerializer):
    name = serializers.CharField(
        help_text="Empty for the one unnamed input or output of some models."
    )
    type = serializers.CharField(
        help_text="The type of an element, as the model's own format calls it."
    )
    shape = serializers.ListField(
        child=serializers.JSONField(),
        allow_null=True,
        help_text="Sizes: a number, the name of a size that callers choose, or `?`; "
        "null where it has no shape.",
    )


@extend_schema_serializer(component_name="ModelFileSignature")
class ModelSignatureSerializer(AnswerSerializer):
    """What a model takes and gives, as its file says it."""

    inputs = ModelValueSerializer(many=True, help_text="At most 1,000.")
    outputs = ModelValueSerializer(many=True, help_text="At most 1,000.")
    ir_version = serializers.IntegerField(
        help_text="Of the ONNX format; 0 for an MLmodel file."
    )
    producer = serializers.CharField(
        help_text="The library that wrote an ONNX file, and its version."
    )
    opsets = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="The version of each set of ONNX operators that it uses.",
    )
    metadata = serializers.DictField(
        child=serializers.CharField(), help_text="What its author wrote into it."
    )


@extend_schema_serializer(component_name="RunArtifactPreview")
class ArtifactPreviewSerializer(AnswerSerializer):
    """A look into a file: one of text, table and signature, or the reason why not."""

    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {"text", "columns", "rows", "signature", "reason"}
    )

    path = serializers.CharField()
    size_bytes = serializers.IntegerField()
    kind = serializers.ChoiceField(
        PreviewKind.choices,
        help_text="`image`: the download itself is shown. `none`: see `reason`.",
    )
    is_whole = serializers.BooleanField(
        help_text="False: the file holds more than is shown."
    )
    text = serializers.CharField(help_text="Of a text file the first 256 KiB.")
    columns = PreviewColumnSerializer(many=True, help_text="At most 200.")
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        help_text="The first rows, at most 100, each a list of cells in the order of "
        '`columns`; a longer cell ends with "…".',
    )
    signature = ModelSignatureSerializer(
        help_text="Of an ONNX model, and of an MLmodel file that has one."
    )
    reason = serializers.CharField(help_text="Why nothing is shown.")
