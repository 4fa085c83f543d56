"""Querysets of model versions."""

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from lifecycle.models.version_parts import VersionMetric
from mlops.core.errors import NotFound
from mlops.core.ids import as_uuid

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion

MAX_NUMBER_DIGITS = 9


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def find(self, text: str) -> "ModelVersion":
        """Return the version with this id, `name:version` or `name/version`.

        Raises NotFound.
        """
        for separator in (":", "/"):
            name, found, label = text.rpartition(separator)
            if found:
                return self.labelled(name, label)
        if (pk := as_uuid(text)) and (version := self.whole().filter(pk=pk).first()):
            return version
        raise NotFound(f"There is no model version {text!r}.", field="model_id")

    def labelled(self, name: str, label: str) -> "ModelVersion":
        """Return a model's version by its label, else its number. Raises NotFound."""
        versions = self.whole().filter(model__name=name)
        version = versions.filter(version=label).first()
        if version is None and (number := _number(label)):
            version = versions.filter(number=number).first()
        if version is None:
            raise NotFound(
                f"The model {name!r} has no version {label!r}.", field="version"
            )
        return version

    def whole(self) -> Self:
        """Versions with what nearly every reader needs of them, in one query."""
        return self.select_related(
            "model", "run__experiment", "artifact", "created_by", "approved_by"
        )

    def with_parts(self) -> Self:
        """Whole versions with checklist, metrics and tags, one query for each."""
        return self.whole().prefetch_related("checklist", "metrics", "tags")

    def with_accuracy(self) -> Self:
        """Add `accuracy`, the metric of that name, -1 for a version without it."""
        figures = VersionMetric.objects.filter(version=OuterRef("pk"), name="accuracy")
        return self.annotate(
            accuracy=Coalesce(
                Subquery(figures.order_by("pk").values("value")[:1]), -1.0
            )
        )

    def deployment_counts(self) -> dict[uuid.UUID, int]:
        """Return how often each of these versions was deployed."""
        counted = self.order_by().annotate(count=Count("deployments"))
        return dict(counted.values_list("pk", "count"))


def _number(label: str) -> int | None:
    plain = label.isascii() and label.isdigit() and len(label) <= MAX_NUMBER_DIGITS
    return int(label) if plain else None
