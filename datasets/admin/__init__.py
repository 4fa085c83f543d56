"""The staff's pages of datasets and features; every change goes by a verb."""

from datasets.admin.dataset import DatasetAdmin
from datasets.admin.feature import FeatureAdmin
from datasets.admin.feature_records import FeatureUsageAdmin, FeatureVersionAdmin
from datasets.admin.records import (
    ColumnAdmin,
    DatasetEventAdmin,
    DriftReportAdmin,
    IngestJobAdmin,
    QualityRuleAdmin,
    QualityRunAdmin,
    StorageConnectionAdmin,
    StoredAnalysisAdmin,
    UploadSessionAdmin,
)
from datasets.admin.version import DatasetVersionAdmin

__all__ = [
    "ColumnAdmin",
    "DatasetAdmin",
    "DatasetEventAdmin",
    "DatasetVersionAdmin",
    "DriftReportAdmin",
    "FeatureAdmin",
    "FeatureUsageAdmin",
    "FeatureVersionAdmin",
    "IngestJobAdmin",
    "QualityRuleAdmin",
    "QualityRunAdmin",
    "StorageConnectionAdmin",
    "StoredAnalysisAdmin",
    "UploadSessionAdmin",
]
