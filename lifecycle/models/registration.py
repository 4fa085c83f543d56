"""What a model version is given: what is said of it, its number, label and rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from lifecycle.models.logged_model import LoggedModel
from lifecycle.models.registry import RegisteredModel
from lifecycle.models.run import Run
from lifecycle.models.version_parts import (
    Check,
    ChecklistItem,
    Figure,
    ModelVersionTag,
    VersionMetric,
)
from lifecycle.states import RESERVED_VERSIONS, ModelStage
from mlops.core import names
from mlops.core.errors import AlreadyExists

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion


class VersionDetails(TypedDict, total=False):
    """What may be said of a version when it is registered."""

    run: Run | None
    logged_model: LoggedModel | None
    stage: ModelStage
    artifact_path: str
    source: str
    run_link: str
    run_label: str
    description: str
    framework: str
    hyperparameters: dict[str, Any] | None
    metrics: Iterable[Figure]
    checklist: Iterable[Check]
    tags: Mapping[str, str]


class VersionChanges(TypedDict, total=False):
    """What `revise` does; an approval is the caller's, with notes."""

    checklist: Iterable[Check] | None
    approve: bool
    notes: str
    stage: ModelStage | None
    reason: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows that belong to a new version."""

    metrics: Iterable[Figure] | None
    checklist: Iterable[Check]
    tags: Mapping[str, str]

    def store(self, version: "ModelVersion") -> None:
        figures = _newest(version.run) if self.metrics is None else self.metrics
        VersionMetric.objects.bulk_create(
            VersionMetric(version=version, **asdict(figure)) for figure in figures
        )
        ModelVersionTag.objects.bulk_create(
            ModelVersionTag(version=version, key=key, value=value)
            for key, value in self.tags.items()
        )
        ChecklistItem.replace(version, list(self.checklist))


def _newest(run: Run | None) -> Iterator[Figure]:
    if run is None:
        return
    for metric in run.latest_metrics.newest():
        if metric.is_finite:
            yield Figure(metric.key.name, metric.value, metric.dataset or None)


def next_label(model: RegisteredModel, wanted: str | None) -> tuple[int, str]:
    """Return number and label; the model is locked, so that none is given twice."""
    number = model.take_number()
    if wanted is None:
        while model.versions.filter(version=str(number)).exists():
            number = model.take_number()
        return number, str(number)
    label = names.clean(wanted, field="version", reserved=RESERVED_VERSIONS)
    if model.versions.filter(version=label).exists():
        raise AlreadyExists(
            f"The model {model} has a version {label!r} already.", field="version"
        )
    return number, label
