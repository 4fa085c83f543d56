"""Datasets as the contract writes them, and their versions."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from datasets.models import Dataset, DatasetVersion
from datasets.states import QualityStatus, SourceFormat, SourceType, VersionState
from mlops.core.serializers import AnswerSerializer, TimeField


class IngestProgressSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset({"eta_s"})

    bytes_done = serializers.IntegerField(
        help_text="The part of the work that is done, in bytes of the files."
    )
    bytes_total = serializers.IntegerField()
    rows_done = serializers.IntegerField(help_text="Rows that are written.")
    attempt = serializers.IntegerField()
    eta_s = serializers.FloatField(help_text="Seconds, by the pace so far.")


class VersionOriginSerializer(AnswerSerializer):
    dataset_id = serializers.CharField()
    dataset_name = serializers.CharField()
    version = serializers.IntegerField()


@extend_schema_serializer(component_name="DatasetVersionResponse")
class DatasetVersionSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {
            "state_reason",
            "digest",
            "content_digest",
            "appended_to",
            "source_format",
            "created_by",
            "ready_at",
            "purged_at",
            "progress",
        }
    )

    id = serializers.CharField()
    dataset_id = serializers.CharField()
    version = serializers.IntegerField(source="number")
    state = serializers.ChoiceField(VersionState.choices)
    state_reason = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField(help_text="SHA-256 of the stored bytes.")
    content_digest = serializers.SerializerMethodField(
        help_text="SHA-256 of names, types and cells, whatever file they came in; "
        "absent of a version that was read before there was one."
    )
    is_current = serializers.SerializerMethodField()
    row_count = serializers.IntegerField()
    column_count = serializers.IntegerField()
    size_bytes = serializers.IntegerField(help_text="As stored.")
    source_name = serializers.CharField(help_text="The label of the uploaded files.")
    source_bytes = serializers.IntegerField(help_text="As uploaded.")
    source_format = serializers.SerializerMethodField()
    quality_status = serializers.ChoiceField(QualityStatus.choices)
    report = serializers.DictField(
        help_text="What the reader rejected (line, reason), renamed or found out, and "
        "cells that are missing or text though they could be more."
    )
    options = serializers.DictField(help_text="The reading options of the request.")
    appended_to = serializers.SerializerMethodField(
        help_text="The version whose rows come first; `report.appended` says more."
    )
    made_of = VersionOriginSerializer(
        many=True,
        help_text="The versions that a filter or SQL took its rows from, as they were "
        "called.",
    )
    type_rules = serializers.IntegerField(
        help_text="The revision of the rules that gave the columns their types."
    )
    created_by = serializers.SerializerMethodField()
    created_at = TimeField()
    ready_at = TimeField()
    purged_at = TimeField()
    progress = serializers.SerializerMethodField()

    def get_state_reason(self, version: DatasetVersion) -> str | None:
        return version.state_reason or None

    def get_digest(self, version: DatasetVersion) -> str | None:
        return version.digest or None

    def get_content_digest(self, version: DatasetVersion) -> str | None:
        return version.content_digest or None

    def get_appended_to(self, version: DatasetVersion) -> int | None:
        return version.appended_to.number if version.appended_to else None

    def get_is_current(self, version: DatasetVersion) -> bool:
        return bool(version.dataset.current_version_id == version.pk)

    @extend_schema_field(serializers.ChoiceField(SourceFormat.choices))
    def get_source_format(self, version: DatasetVersion) -> str | None:
        return version.source_format or None

    def get_created_by(self, version: DatasetVersion) -> str | None:
        return version.created_by.username if version.created_by else None

    @extend_schema_field(IngestProgressSerializer)
    def get_progress(self, version: DatasetVersion) -> dict[str, Any] | None:
        if version.state != VersionState.PROCESSING:
            return None
        return dict(IngestProgressSerializer(version.job).data)


@extend_schema_serializer(component_name="DatasetResponse")
class DatasetSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {
            "source_type",
            "source_format",
            "size_bytes",
            "column_count",
            "owner",
            "version",
            "digest",
            "content_digest",
            "state_reason",
            "quality_status",
            "keep_versions",
        }
    )

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    features = serializers.ListField(
        source="feature_names", child=serializers.CharField()
    )
    row_count = serializers.SerializerMethodField()
    created_at = TimeField()
    updated_at = TimeField()
    schema = serializers.DictField(child=serializers.CharField())
    source_type = serializers.SerializerMethodField()
    source_format = serializers.SerializerMethodField()
    size_bytes = serializers.SerializerMethodField()
    column_count = serializers.SerializerMethodField()
    tags = serializers.ListField(child=serializers.CharField())
    owner = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField(help_text="Of the current version.")
    digest = serializers.SerializerMethodField()
    content_digest = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField(help_text="Of the newest version.")
    state_reason = serializers.SerializerMethodField()
    quality_status = serializers.SerializerMethodField()
    keep_versions = serializers.IntegerField()

    def get_row_count(self, dataset: Dataset) -> int:
        current = dataset.current_version
        return current.row_count if current else 0

    @extend_schema_field(serializers.ChoiceField(SourceType.choices))
    def get_source_type(self, dataset: Dataset) -> str | None:
        shown = dataset.shown_version
        return shown.source_type if shown else None

    @extend_schema_field(serializers.ChoiceField(SourceFormat.choices))
    def get_source_format(self, dataset: Dataset) -> str | None:
        shown = dataset.shown_version
        return (shown.source_format or None) if shown else None

    def get_size_bytes(self, dataset: Dataset) -> int | None:
        current = dataset.current_version
        return current.size_bytes if current else None

    def get_column_count(self, dataset: Dataset) -> int | None:
        current = dataset.current_version
        return current.column_count if current else None

    def get_owner(self, dataset: Dataset) -> str | None:
        return dataset.owner.username if dataset.owner else None

    def get_version(self, dataset: Dataset) -> int | None:
        current = dataset.current_version
        return current.number if current else None

    def get_digest(self, dataset: Dataset) -> str | None:
        current = dataset.current_version
        return current.digest if current else None

    def get_content_digest(self, dataset: Dataset) -> str | None:
        current = dataset.current_version
        return (current.content_digest or None) if current else None

    @extend_schema_field(serializers.ChoiceField(VersionState.choices))
    def get_state(self, dataset: Dataset) -> str:
        newest = dataset.newest_version
        return newest.state if newest else VersionState.PROCESSING

    def get_state_reason(self, dataset: Dataset) -> str | None:
        newest = dataset.newest_version
        return (newest.state_reason or None) if newest else None

    @extend_schema_field(serializers.ChoiceField(QualityStatus.choices))
    def get_quality_status(self, dataset: Dataset) -> str | None:
        current = dataset.current_version
        return current.quality_status if current else None


class CorrelationPairSerializer(AnswerSerializer):
    feature1 = serializers.CharField()
    feature2 = serializers.CharField()
    correlation = serializers.FloatField(help_text="In [-1, 1].")
    n = serializers.IntegerField(help_text="Rows where both have a value.")


@extend_schema_serializer(component_name="DatasetDetailResponse")
class DatasetDetailSerializer(DatasetSerializer):
    """The dataset, the first rows of its current version and their correlation.

    The last fields are stored bodies: the viewset adds them as they are.
    """

    absent_when_unknown: ClassVar[frozenset[str]] = (
        DatasetSerializer.absent_when_unknown
        | {"sample_data", "correlation_matrix", "correlation_truncated"}
    )

    sample_data = serializers.ListField(
        child=serializers.DictField(),
        source="shown_sample",
        help_text="The first rows, at most 100; `sample_limit` asks for fewer.",
    )
    correlation_matrix = CorrelationPairSerializer(
        many=True,
        source="shown_correlation",
        help_text="Pearson, the strongest 2,000 pairs; undefined pairs are absent.",
    )
    correlation_truncated = serializers.BooleanField(
        source="is_correlation_truncated",
        help_text="There were more than 2,000 pairs.",
    )
