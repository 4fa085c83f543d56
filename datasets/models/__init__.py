"""Datasets and their versions; features, their versions and their use."""

from datasets.models.analysis import AnalysisKey, StoredAnalysis
from datasets.models.binding import FeatureBinding
from datasets.models.binding_target import BindingTarget
from datasets.models.connection import StorageConnection
from datasets.models.dataset import Dataset, DatasetFeature
from datasets.models.drift import DriftReport
from datasets.models.event import DatasetEvent
from datasets.models.feature import Feature
from datasets.models.feature_version import FeatureUsage, FeatureVersion
from datasets.models.job import IngestJob
from datasets.models.parts import Column, SourceFile
from datasets.models.quality import QualityRule, QualityRun
from datasets.models.upload import UploadSession
from datasets.models.version import DatasetVersion

__all__ = [
    "AnalysisKey",
    "BindingTarget",
    "Column",
    "Dataset",
    "DatasetEvent",
    "DatasetFeature",
    "DatasetVersion",
    "DriftReport",
    "Feature",
    "FeatureBinding",
    "FeatureUsage",
    "FeatureVersion",
    "IngestJob",
    "QualityRule",
    "QualityRun",
    "SourceFile",
    "StorageConnection",
    "StoredAnalysis",
    "UploadSession",
]
