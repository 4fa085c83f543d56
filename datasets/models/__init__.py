"""Datasets and their versions; features, their versions and their use."""

from datasets.models.dataset import Column, Dataset, DatasetVersion, StoredAnalysis
from datasets.models.feature import Feature, FeatureUsage, FeatureVersion

__all__ = [
    "Column",
    "Dataset",
    "DatasetVersion",
    "Feature",
    "FeatureUsage",
    "FeatureVersion",
    "StoredAnalysis",
]
