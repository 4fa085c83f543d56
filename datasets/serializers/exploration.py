"""Answers about the content of a dataset."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from datasets.serializers.cell_losses import CellLossesSerializer
from datasets.serializers.dataset import CorrelationPairSerializer
from mlops.core.serializers import AnswerSerializer, TimeField


class AboutVersionSerializer(AnswerSerializer):
    dataset_id = serializers.CharField()
    version = serializers.IntegerField()


class DatasetColumnSerializer(AnswerSerializer):
    name = serializers.CharField()
    type = serializers.CharField(help_text="As DuckDB writes it.")


class TablePageSerializer(CellLossesSerializer, AboutVersionSerializer):
    columns = DatasetColumnSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.DictField(),
        help_text="By column. In columns of type FLOAT and DOUBLE the texts `NaN`, "
        "`Infinity` and `-Infinity` are those values; null is a missing value.",
    )
    row_count = serializers.IntegerField(help_text="Of all rows that match; exact.")
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()


class DatasetRowsSerializer(TablePageSerializer):
    row_numbers = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="The position of each of `rows` in the version, from 0.",
    )


class DatasetCellSerializer(AboutVersionSerializer):
    row = serializers.IntegerField(help_text="The position in the version, from 0.")
    column = serializers.CharField()
    type = serializers.CharField(help_text="As DuckDB writes it.")
    value = serializers.JSONField(
        allow_null=True,
        help_text="As in `rows`, up to 1,000,000 characters; bytes in Base64.",
    )
    is_whole = serializers.BooleanField(
        help_text='False: it is longer than that, and ends with "…".'
    )
    is_non_finite = serializers.BooleanField(
        help_text="Whether it holds NaN or an infinity, which is a word here."
    )


class UndefinedCorrelationSerializer(AnswerSerializer):
    feature1 = serializers.CharField()
    feature2 = serializers.CharField()
    reason = serializers.CharField()
    n = serializers.IntegerField(help_text="Rows where both have a value.")


class ExcludedColumnSerializer(AnswerSerializer):
    column = serializers.CharField()
    reason = serializers.CharField()


@extend_schema_serializer(component_name="CorrelationMatrixResponse")
class CorrelationMatrixSerializer(AboutVersionSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset({"matrix"})

    features = serializers.ListField(child=serializers.CharField())
    correlation_matrix = CorrelationPairSerializer(
        many=True, help_text="Each pair once; undefined ones are absent."
    )
    matrix = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(allow_null=True)),
        help_text="In the order of `features`; null where it is undefined; absent "
        "for more than 500 columns.",
    )
    undefined = UndefinedCorrelationSerializer(
        many=True, help_text="At most 20,000 of them."
    )
    undefined_count = serializers.IntegerField()
    excluded = ExcludedColumnSerializer(
        many=True, help_text="Columns that have no figure."
    )
    exact = serializers.BooleanField(
        help_text="False: Spearman by ranks of whole columns, not of common rows."
    )
    truncated = serializers.BooleanField(
        help_text="More than 500 columns: only the 20,000 strongest pairs."
    )
    method = serializers.CharField()
    row_count = serializers.IntegerField()


class AssociationPairSerializer(AnswerSerializer):
    feature1 = serializers.CharField(help_text="The category.")
    feature2 = serializers.CharField()
    measure = serializers.CharField(help_text="cramers_v or correlation_ratio.")
    value = serializers.FloatField(help_text="In [0, 1].")
    n = serializers.IntegerField(help_text="Rows where both have a value.")


class DatasetAssociationsSerializer(AboutVersionSerializer):
    pairs = AssociationPairSerializer(many=True)
    undefined = UndefinedCorrelationSerializer(many=True)
    excluded = ExcludedColumnSerializer(many=True)


class DistinctCountSerializer(AnswerSerializer):
    value = serializers.IntegerField()
    exact = serializers.BooleanField(help_text="False: an estimate, 2-3 % off.")


class ColumnQuantilesSerializer(AnswerSerializer):
    values = serializers.DictField(help_text="By fraction, as in `0.5`.")
    exact = serializers.BooleanField()
    rows = serializers.IntegerField(help_text="Rows that they were read from.")


class ColumnHistogramSerializer(AnswerSerializer):
    edges = serializers.ListField(child=serializers.JSONField())
    counts = serializers.ListField(child=serializers.IntegerField())


class TopValueSerializer(AnswerSerializer):
    value = serializers.JSONField()
    count = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of the rows that have a value.")


class ColumnStatisticsSerializer(AnswerSerializer):
    name = serializers.CharField()
    type = serializers.CharField()
    kind = serializers.CharField()
    count = serializers.IntegerField(help_text="Rows that have a value.")
    nulls = serializers.IntegerField()
    null_share = serializers.FloatField(help_text="A fraction in [0, 1].")
    nan = serializers.IntegerField()
    infinite = serializers.IntegerField()
    distinct = DistinctCountSerializer(allow_null=True)
    min = serializers.JSONField(allow_null=True)
    max = serializers.JSONField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    std = serializers.FloatField(allow_null=True, help_text="Of the sample (n - 1).")
    zeros = serializers.IntegerField(allow_null=True)
    quantiles = ColumnQuantilesSerializer(allow_null=True)
    histogram = ColumnHistogramSerializer(allow_null=True)
    top = TopValueSerializer(
        many=True, help_text="The most frequent values, at most 10."
    )
    top_exact = serializers.BooleanField(
        help_text="False: their shares are those in a random sample."
    )
    min_length = serializers.IntegerField(allow_null=True)
    max_length = serializers.IntegerField(allow_null=True)
    mean_length = serializers.FloatField(allow_null=True)


class DatasetStatisticsSerializer(AboutVersionSerializer):
    row_count = serializers.IntegerField()
    columns = ColumnStatisticsSerializer(many=True)


class DatasetSchemaColumnSerializer(DatasetColumnSerializer):
    position = serializers.IntegerField()
    original_name = serializers.CharField(help_text="In the uploaded file.")
    null_count = serializers.IntegerField()


class DatasetSchemaSerializer(AboutVersionSerializer):
    columns = DatasetSchemaColumnSerializer(many=True)


class RetypedColumnSerializer(AnswerSerializer):
    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    widened = serializers.BooleanField(help_text="Every old value still fits.")


class BrokenFeatureSerializer(AnswerSerializer):
    feature_name = serializers.CharField()
    column = serializers.CharField(help_text="Of those that the feature is bound to.")
    reason = serializers.CharField()
    dependents = serializers.ListField(
        child=serializers.CharField(), help_text="Features computed from it."
    )
    models = serializers.ListField(
        child=serializers.CharField(), help_text="Model versions recorded to use it."
    )


class DatasetComparisonSerializer(AnswerSerializer):
    dataset_id = serializers.CharField()
    version = serializers.IntegerField(help_text="The later one.")
    compared_with = serializers.IntegerField()
    is_same_content = serializers.BooleanField(
        allow_null=True,
        help_text="null: a version was read before contents had digests, and the bytes "
        "differ.",
    )
    added = DatasetColumnSerializer(many=True)
    removed = DatasetColumnSerializer(many=True)
    retyped = RetypedColumnSerializer(many=True)
    reordered = serializers.BooleanField()
    row_count_before = serializers.IntegerField()
    row_count_after = serializers.IntegerField()
    size_bytes_before = serializers.IntegerField()
    size_bytes_after = serializers.IntegerField()
    retyped_by_rules = serializers.BooleanField(
        help_text="Both are the same bytes and options: types differ only by the "
        "revision of the type rules, and nothing breaks for that."
    )
    breaks = BrokenFeatureSerializer(
        many=True, help_text="Features that are bound to removed or retyped columns."
    )


@extend_schema_serializer(component_name="DriftReportResponse")
class DriftReportSerializer(AnswerSerializer):
    id = serializers.CharField()
    dataset_id = serializers.CharField(source="current.dataset_id")
    reference_version = serializers.IntegerField(source="reference.number")
    current_version = serializers.IntegerField(source="current.number")
    level = serializers.CharField()
    drifted_count = serializers.IntegerField()
    report = serializers.DictField(
        source="body", help_text="Per column: PSI, KS D, Jensen-Shannon, missing…"
    )
    created_at = TimeField()


class LineageNodeSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset({"version"})

    id = serializers.CharField()
    kind = serializers.CharField(help_text="dataset, dataset_version, feature, model.")
    name = serializers.CharField()
    version = serializers.CharField()


class LineageEdgeSerializer(AnswerSerializer):
    source = serializers.CharField()  # type: ignore[assignment]  # a field's name, too
    target = serializers.CharField()
    relationship = serializers.CharField()
    state = serializers.CharField(
        help_text="ok, deleted (purged or archived) or broken (its column is gone)."
    )


class DatasetLineageSerializer(AnswerSerializer):
    nodes = LineageNodeSerializer(many=True)
    edges = LineageEdgeSerializer(many=True)
