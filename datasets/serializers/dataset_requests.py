"""Bodies of requests about datasets and their versions."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.utils.html import is_html_input

from datasets.serializers.reading import ReadingOptionsField
from mlops.core.fields import NameText
from mlops.core.serializers import StrictSerializer

MAX_FILES = 100


class WordList(serializers.ListField):
    """Repeated form fields, a JSON list, or one text with commas.

    The one word of a JSON list is one word, whatever it holds.
    """

    child = serializers.CharField(
        max_length=255, allow_blank=True, trim_whitespace=False
    )
    is_list = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 2000, **options})

    def get_value(self, dictionary: Any) -> Any:
        value = super().get_value(dictionary)
        self.is_list = not is_html_input(dictionary) and isinstance(value, list)
        return value

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, str):
            data = [data]
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if len(data) == 1 and isinstance(data[0], str) and not self.is_list:
            data = self.parted(data[0])
        return super().to_internal_value(data)

    def parted(self, text: str) -> list[str]:
        """Return the words of a text; one without any is an empty list."""
        return [word.strip() for word in text.split(",") if word.strip()]


class ColumnList(WordList):
    """Columns by name; commas part them in a form, and an empty text names none."""

    default_error_messages = {
        "unnamed": "Name a column. No column at all is an empty list in JSON."
    }

    def parted(self, text: str) -> list[str]:
        return super().parted(text) or self.fail("unnamed")

    child = NameText(max_length=255, allow_blank=True, trim_whitespace=False)


class FilesSerializer(serializers.Serializer[Any]):
    file = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        required=False,
        max_length=MAX_FILES,
        help_text="CSV, TSV, JSON lines, Parquet, Arrow or XLSX; gzip, zstd or ZIP. "
        "Several files become one table by the names of their columns, in the order "
        "given.",
    )
    upload_id = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=MAX_FILES,
        help_text="Finished resumable uploads, in place of `file`.",
    )
    connection = serializers.CharField(
        required=False,
        max_length=100,
        help_text="The name of a storage connection, in place of `file`.",
    )
    path = serializers.CharField(
        required=False,
        max_length=1000,
        help_text="The object in that connection, or a folder of them.",
    )

    options = ReadingOptionsField(
        required=False,
        help_text="How to read the files; in a form, as JSON. What is not given is "
        "found out.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [
            name for name in ("file", "upload_id", "connection") if attrs.get(name)
        ]
        if len(given) != 1:
            raise serializers.ValidationError(
                {"file": "Give one of file, upload_id and connection."}
            )
        if given == ["connection"] and not attrs.get("path"):
            raise serializers.ValidationError({"path": "Say which object."})
        if given != ["connection"] and attrs.get("path"):
            raise serializers.ValidationError({"path": "It is of a connection alone."})
        return attrs


class DatasetCreateSerializer(FilesSerializer, StrictSerializer):
    name = NameText(max_length=200)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000
    )
    tags = WordList(required=False)
    features = ColumnList(
        required=False,
        help_text="Columns that count as features; all of them if not given.",
    )
    keep_versions = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10_000,
        help_text="Older versions lose their bytes; all are kept if not given.",
    )


class DatasetVersionCreateSerializer(FilesSerializer, StrictSerializer):
    pass


class DatasetAppendSerializer(FilesSerializer, StrictSerializer):
    base_version = serializers.CharField(
        max_length=80,
        help_text="The version whose rows come first, as everywhere: a number or a "
        "digest. 409 unless it is the current one.",
    )
    widen = serializers.BooleanField(
        default=False,
        help_text="Where a cell does not fit the column's type: take the narrowest "
        "that holds all, else refuse and name the cell.",
    )

    def validate_base_version(self, label: str) -> str:
        if label.strip().lower() == "latest":
            raise serializers.ValidationError(
                "Name it by its number or digest: the latest may be another by now."
            )
        return label


@extend_schema_serializer(component_name="DatasetPreview")
class DatasetPreviewRequestSerializer(FilesSerializer, StrictSerializer):
    pass


class DatasetUpdateSerializer(StrictSerializer):
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000
    )
    tags = WordList(required=False)
    features = ColumnList(required=False)
    keep_versions = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10_000
    )
