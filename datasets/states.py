"""The words that datasets and features use, as data."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class VersionState(models.TextChoices):
    PROCESSING = "processing", _("processing")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


class SourceType(models.TextChoices):
    """The contract's closed list; see `SourceFormat` for what a file really is."""

    DUCKDB = "duckdb", "DuckDB"
    CSV = "csv", "CSV"
    PARQUET = "parquet", "Parquet"
    MONGODB = "mongodb", "MongoDB"
    API = "api", "API"


class SourceFormat(models.TextChoices):
    CSV = "csv", "CSV"
    TSV = "tsv", "TSV"
    JSONL = "jsonl", "JSON lines"
    PARQUET = "parquet", "Parquet"
    ARROW = "arrow", "Arrow"


class QualityStatus(models.TextChoices):
    """What the rules said of a version; "unchecked" when there were none."""

    UNCHECKED = "unchecked", _("unchecked")
    PASSED = "passed", _("passed")
    WARNED = "warned", _("warned")
    FAILED = "failed", _("failed")


class Severity(models.TextChoices):
    WARN = "warn", _("warn")
    FAIL = "fail", _("fail")


class FeatureType(models.TextChoices):
    NUMERICAL = "numerical", _("numerical")
    CATEGORICAL = "categorical", _("categorical")
    BOOLEAN = "boolean", _("boolean")
    DATETIME = "datetime", _("date and time")
    TEXT = "text", _("text")
    TECHNICAL_INDICATOR = "technical_indicator", _("technical indicator")
    FUNDAMENTAL = "fundamental", _("fundamental")
    SENTIMENT = "sentiment", _("sentiment")
    MACRO_ECONOMIC = "macro_economic", _("macro-economic")
    DERIVED = "derived", _("derived")
    RAW = "raw", _("raw")


class FeatureStatus(models.TextChoices):
    DRAFT = "draft", _("draft")
    ACTIVE = "active", _("active")
    DEPRECATED = "deprecated", _("deprecated")
    ARCHIVED = "archived", _("archived")


class DataType(models.TextChoices):
    FLOAT = "float", _("float")
    INTEGER = "integer", _("integer")
    STRING = "string", _("string")
    BOOLEAN = "boolean", _("boolean")
    TIMESTAMP = "timestamp", _("timestamp")


FEATURE_MOVES: dict[FeatureStatus, frozenset[FeatureStatus]] = {
    FeatureStatus.DRAFT: frozenset({FeatureStatus.ACTIVE, FeatureStatus.ARCHIVED}),
    FeatureStatus.ACTIVE: frozenset({FeatureStatus.DEPRECATED, FeatureStatus.ARCHIVED}),
    FeatureStatus.DEPRECATED: frozenset({FeatureStatus.ACTIVE, FeatureStatus.ARCHIVED}),
    FeatureStatus.ARCHIVED: frozenset(),
}

# Words that are routes below /features, and so cannot be the name of one.
RESERVED_FEATURE_NAMES = frozenset({"datasets", "usage", "uploads"})
RESERVED_VERSION_NAMES = frozenset({"compare", "latest"})
