"""Versions of one model side by side."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lifecycle.models.registry import RegisteredModel
from lifecycle.models.version import ModelVersion
from lifecycle.models.version_parts import VersionMetric
from mlops.core.errors import NotFound


@dataclass(slots=True)
class Compared:
    """One metric, on one dataset if it was named: version label → value."""

    metric_name: str
    dataset: str | None
    values: dict[str, float] = field(default_factory=dict)


def compare(model: RegisteredModel, labels: Iterable[str]) -> list[Compared]:
    """Return the metrics of the versions, by name and dataset.

    A version without a metric is absent from its values. Raises NotFound, naming
    the first label that the model has not.
    """
    wanted = list(dict.fromkeys(labels))
    versions = ModelVersion.objects.filter(model=model, version__in=wanted)
    known = dict(versions.values_list("version", "pk"))
    for label in wanted:
        if label not in known:
            raise NotFound(
                f"The model {model} has no version {label!r}.", field="versions"
            )
    rows = VersionMetric.objects.filter(version__in=known.values())
    table: dict[tuple[str, str], Compared] = {}
    for row in rows.select_related("version").order_by("version__number", "pk"):
        metric = table.setdefault(
            (row.name, row.dataset or ""), Compared(row.name, row.dataset)
        )
        metric.values[row.version.version] = row.value
    return [table[key] for key in sorted(table)]
