"""Querysets of model versions."""

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from lifecycle.models.registry import RegisteredModelTag
from lifecycle.models.version_parts import ModelVersionTag, VersionMetric
from lifecycle.states import IS_PROMPT
from mlops.core.errors import Invalid, NotFound
from mlops.core.ids import as_uuid

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion

MAX_NUMBER_DIGITS = 9


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def find(self, text: str) -> "ModelVersion":
        """Return the version with this id, `name:version` or `name/version`.

        Raises NotFound; a prompt is no model.
        """
        for separator in (":", "/"):
            name, found, label = text.rpartition(separator)
            if found:
                return self.labelled(name, label)
        versions = self.whole().without_prompts()
        if (pk := as_uuid(text)) and (version := versions.filter(pk=pk).first()):
            return version
        raise NotFound(f"There is no model version {text!r}.", field="model_id")

    def labelled(self, name: str, label: str) -> "ModelVersion":
        """Return a model's version by its label, else its number.

        Raises NotFound; a prompt is no model.
        """
        versions = self.whole().without_prompts().filter(model__name=name)
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

    def without_prompts(self) -> Self:
        """Leave out prompts: MLflow's registry keeps them as versions with a tag."""
        own = ModelVersionTag.objects.filter(
            version=OuterRef("pk"), key=IS_PROMPT, value="true"
        )
        named = RegisteredModelTag.objects.prompts_of("model")
        return self.filter(~Exists(own), ~Exists(named))

    def refuse_as_prompts(self) -> None:
        """Raise Invalid if one of them serves or has a file to serve."""
        serves = Q(artifact__isnull=False) | Q(deployments__isnull=False)
        if self.filter(serves).exists():
            raise Invalid("What has a file to serve is no prompt.", field="key")

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
