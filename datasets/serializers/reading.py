"""How a person wants files to be read, as a part of uploads."""

import re
from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from datasets.analytics import ingest
from datasets.serializers.cell_losses import CellLossesSerializer
from mlops.core.serializers import AnswerSerializer, StrictSerializer

MAX_WORDS = 100


def _words(text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(
            max_length=255, allow_blank=True, trim_whitespace=False
        ),
        required=False,
        max_length=MAX_WORDS,
        help_text=text,
    )


def _sign(text: str) -> serializers.CharField:
    return serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=1,
        help_text=text,
    )


class ReadingOptionsSerializer(StrictSerializer):
    """What is not given is found out; the report says what it came to."""

    encoding = serializers.CharField(required=False, max_length=40)
    delimiter = _sign("The character between cells.")
    quote = _sign("The character around cells; empty: none.")
    has_header = serializers.BooleanField(required=False)
    header_row = serializers.IntegerField(
        required=False, min_value=1, max_value=1000, help_text="From 1."
    )
    names = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=2000,
        help_text="Names of all columns, in place of the header's.",
    )
    skip_lines = serializers.IntegerField(
        required=False, min_value=0, max_value=100_000
    )
    comment = _sign("Lines that begin with it are no rows.")
    null_values = _words("Words that mean missing in columns that are not text.")
    true_values = _words("Words for true; `false_values` belong to them.")
    false_values = _words("Words for false.")
    decimal = _sign("The sign before the decimals.")
    thousands = _sign("The sign between thousands.")
    date_formats = _words("Forms of strptime, such as %d/%m/%Y.")
    types = serializers.DictField(
        child=serializers.CharField(max_length=100),
        required=False,
        help_text="Types by column; cells that do not fit are missing and listed.",
    )
    sheet = serializers.CharField(
        required=False,
        max_length=255,
        trim_whitespace=False,
        help_text="The sheet of a workbook; else the first visible one with data.",
    )
    union_by_name = serializers.BooleanField(
        required=False, help_text="Fill columns that a file lacks with missing values."
    )

    def validate_encoding(self, name: str) -> str:
        try:
            return ingest.known_encoding(name)
        except LookupError:
            raise serializers.ValidationError("This encoding is not known.") from None

    def validate_date_formats(self, forms: list[str]) -> list[str]:
        for form in forms:
            if not ingest.is_known_form(form):
                raise serializers.ValidationError(
                    f"{form!r} has to hold year, month and day (%Y, %m, %d)."
                )
        return forms

    def validate_delimiter(self, sign: str) -> str:
        return _required(sign)

    def validate_quote(self, sign: str) -> str:
        return _plain(sign)

    def validate_comment(self, sign: str) -> str:
        return _plain(sign)

    def validate_decimal(self, sign: str) -> str:
        return _punctuation(_required(sign))

    def validate_thousands(self, sign: str) -> str:
        return _punctuation(sign)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("decimal", ".") == attrs.get("thousands"):
            raise serializers.ValidationError(
                {"thousands": "This is the sign before the decimals."}
            )
        signs = [attrs.get(name) for name in ("delimiter", "quote", "comment")]
        given = [sign for sign in signs if sign]
        if len(set(given)) < len(given):
            raise serializers.ValidationError(
                {"delimiter": "Delimiter, quote and comment are different signs."}
            )
        if bool(attrs.get("true_values")) != bool(attrs.get("false_values")):
            raise serializers.ValidationError(
                {"true_values": "Give the words for true and those for false."}
            )
        if set(attrs.get("true_values", ())) & set(attrs.get("false_values", ())):
            raise serializers.ValidationError(
                {"true_values": "A word is true or false, not both."}
            )
        # In one order, so that equal options are equal rows.
        return {key: attrs[key] for key in sorted(attrs)}


def _required(sign: str) -> str:
    if not sign or sign in '\r\n"':
        raise serializers.ValidationError("This has to be one character.")
    return sign


def _plain(sign: str) -> str:
    if sign and (not sign.isascii() or not sign.isprintable() or sign == " "):
        raise serializers.ValidationError("This has to be one visible ASCII character.")
    return sign


def _punctuation(sign: str) -> str:
    if not re.fullmatch(r"[.,' \u00a0\u202f_]?", sign):
        raise serializers.ValidationError("This is no sign that parts numbers.")
    return sign


@extend_schema_field(ReadingOptionsSerializer)
class ReadingOptionsField(serializers.Field[Any, Any, Any, Any]):
    """An object, or its JSON where a form has only text."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, str):
            try:
                data = orjson.loads(data)
            except orjson.JSONDecodeError:
                raise serializers.ValidationError("This is not JSON.") from None
        if not isinstance(data, dict):
            raise serializers.ValidationError("This has to be an object.")
        options = ReadingOptionsSerializer(data=data)
        options.is_valid(raise_exception=True)
        return dict(options.validated_data)

    def to_representation(self, value: Any) -> Any:
        return value


def options_of(text: str) -> dict[str, Any]:
    """Return the options of a text in a form. Raises ValueError with words for it."""
    if not text.strip():
        return {}
    try:
        return ReadingOptionsField().to_internal_value(text)
    except serializers.ValidationError as error:
        detail: Any = error.detail
        key = f"{next(iter(detail))}: " if isinstance(detail, dict) else ""
        raise ValueError(f"{key}{_first(detail)}") from None


def _first(detail: Any) -> Any:
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return detail


class DatasetVersionRetrySerializer(StrictSerializer):
    options = ReadingOptionsField(
        required=False, help_text="Read in this way; if not given, as before."
    )


class PreviewedColumnSerializer(AnswerSerializer):
    name = serializers.CharField()
    original_name = serializers.CharField(help_text="As the file calls it.")
    type = serializers.CharField()


@extend_schema_serializer(component_name="DatasetPreviewResponse")
class DatasetPreviewSerializer(CellLossesSerializer):
    """What an upload would come to, as far as its beginning says."""

    source_format = serializers.CharField()
    types_are_of = serializers.ChoiceField(
        ["whole_file", "rows_read"],
        help_text="Later rows may need other types than `rows_read` do.",
    )
    rows_read = serializers.IntegerField()
    columns = PreviewedColumnSerializer(many=True)
    sample_data = serializers.ListField(
        child=serializers.DictField(), help_text="The first rows, at most 100."
    )
    report = serializers.DictField(
        help_text="As of a version: what was found out, rejected and kept as text."
    )
