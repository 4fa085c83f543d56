"""The datasets that runs read, and which catalogue version each one is."""

from collections.abc import Iterable
from typing import ClassVar

from django.db import models
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from datasets.models import Dataset, DatasetVersion
from lifecycle.store import inputs
from lifecycle.store.inputs import NamedDataset
from mlops.core.errors import NotFound


def catalogue_version(name: str, label: str) -> DatasetVersion:
    """Return the catalogue's version that a run names.

    Raises NotFound, which says whether the dataset or its version is unknown.
    """
    if not Dataset.objects.filter(name=name).exists():
        raise NotFound(f"There is no dataset {name!r}.", field="dataset_name")
    try:
        return DatasetVersion.objects.labelled(name, label)
    except NotFound:
        message = f"The dataset {name!r} has no version {label!r}."
        raise NotFound(message, field="dataset_version") from None


def content_of(digest: str, *, name: str = "") -> DatasetVersion | None:
    """Return the version with this content, the start of a digest being enough.

    Several datasets may hold it: one of this name goes first, then the newest.
    """
    found = DatasetVersion.objects.with_digest(digest).order_by("-created_at")
    return found.filter(dataset__name=name).first() or found.first()


def training_data(run_ids: Iterable[int]) -> DatasetVersion | None:
    """Return what the runs say they were trained on, as far as it is catalogued.

    An input of the context "training" comes before others, an earlier one before a
    later one; None when the catalogue knows none of them.
    """
    links = RunInput.objects.filter(run__in=list(run_ids)).exclude(
        dataset__version=None
    )
    found = list(links.select_related("dataset__version__dataset").order_by("pk"))
    found.sort(key=lambda link: link.tags.get("mlflow.data.context") != "training")
    return found[0].dataset.version if found else None


def note_read(
    cursor: CursorWrapper,
    run: int,
    experiment: int,
    named: NamedDataset,
    version: DatasetVersion | None = None,
) -> None:
    """Store that a run read a dataset, as it names it; idempotent.

    `version` is what it is in the catalogue; None looks there for its content. A link
    that is there stays.
    """
    dataset = inputs.name_dataset(cursor, experiment, named)
    if not dataset.is_linked:
        known = version or content_of(named.digest, name=named.name)
        if known is not None:
            inputs.link(cursor, dataset.pk, known.pk)
    inputs.read(cursor, run, dataset.pk, named.tags)


class InputDataset(models.Model):
    """A dataset as a run named it; linked to the catalogue when it is known there."""

    experiment = models.ForeignKey(
        "lifecycle.Experiment", models.CASCADE, related_name="input_datasets"
    )
    name = models.CharField(_("name"), max_length=500)
    digest = models.CharField(_("digest"), max_length=100)
    source_type = models.CharField(max_length=36, blank=True)
    source = models.TextField(blank=True)
    schema = models.TextField(blank=True)
    profile = models.TextField(blank=True)
    version = models.ForeignKey(
        "datasets.DatasetVersion",
        models.SET_NULL,
        null=True,
        related_name="run_inputs",
        verbose_name=_("dataset version"),
    )

    class Meta:
        verbose_name = _("input dataset")
        verbose_name_plural = _("input datasets")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two runs of an experiment that read the same data at once share the row.
            models.UniqueConstraint(
                fields=["experiment", "name", "digest"], name="input_dataset"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.digest})"


class RunInput(models.Model):
    """A run read this dataset; tags say what for (`mlflow.data.context`)."""

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="inputs", db_index=False
    )
    dataset = models.ForeignKey(InputDataset, models.CASCADE, related_name="uses")
    tags = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("run input")
        verbose_name_plural = _("run inputs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Idempotent: a repeated request adds no row.
            models.UniqueConstraint(fields=["run", "dataset"], name="run_input")
        ]

    def __str__(self) -> str:
        return f"{self.run} ← {self.dataset}"


class RunModelInput(models.Model):
    """A run read this logged model."""

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="model_inputs", db_index=False
    )
    model = models.ForeignKey(
        "lifecycle.LoggedModel", models.CASCADE, related_name="uses"
    )

    class Meta:
        verbose_name = _("run model input")
        verbose_name_plural = _("run model inputs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Idempotent: a repeated request adds no row.
            models.UniqueConstraint(fields=["run", "model"], name="run_model_input")
        ]

    def __str__(self) -> str:
        return f"{self.run} ← {self.model}"
