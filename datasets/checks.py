"""Runs the quality rules of a dataset over a version, and keeps what they found."""

from typing import Any

from datasets.models import DatasetVersion, QualityRun
from mlops.core.models import User

Results = list[dict[str, Any]]


def results(version: DatasetVersion) -> Results:
    """Return what each enabled rule of the dataset says of the content."""
    return []


def keep(version: DatasetVersion, found: Results, *, by: User | None = None) -> None:
    """Write the results, if there were rules."""
    if found:
        QualityRun.write(version, found, by=by)
