"""The statuses and moves of datasets and features, as data."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class VersionState(models.TextChoices):
    PROCESSING = "processing", _("processing")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


VERSION_MOVES: dict[VersionState, frozenset[VersionState]] = {
    VersionState.PROCESSING: frozenset({VersionState.READY, VersionState.FAILED}),
    VersionState.READY: frozenset(),
    VersionState.FAILED: frozenset({VersionState.PROCESSING}),
}
"""A content that is there stays what it is; a failed reading may be retried."""


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
    XLSX = "xlsx", "Excel"


class QualityStatus(models.TextChoices):
    """The result of a version's quality rules; "unchecked" when there were none."""

    UNCHECKED = "unchecked", _("unchecked")
    PASSED = "passed", _("passed")
    WARNED = "warned", _("warned")
    FAILED = "failed", _("failed")


class RuleSeverity(models.TextChoices):
    WARN = "warn", _("warn")
    FAIL = "fail", _("fail")


class EventSeverity(models.TextChoices):
    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")


class DatasetEventKind(models.TextChoices):
    COLUMNS_REMOVED = "columns_removed", _("columns removed")
    COLUMNS_BECAME_TEXT = "columns_became_text", _("columns became text")
    COLUMNS_RETYPED = "columns_retyped", _("columns changed their type")
    TYPES_BY_RULES = "types_by_rules", _("types differ by the rules alone")
    FEATURE_BROKEN = "feature_broken", _("feature broken")
    FEATURE_MENDED = "feature_mended", _("feature mended")


class BindingState(models.TextChoices):
    """Whether the current version of its dataset has what a feature is bound to."""

    BOUND = "bound", _("bound")
    BROKEN = "broken", _("broken")


class BindingOrigin(models.TextChoices):
    PERSON = "person", _("a person")
    MIGRATION = "migration", _("the migration: one dataset alone had the column")


UNBOUND = "unbound"


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
