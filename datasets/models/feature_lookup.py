"""Querysets of features, prefetched for answers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from datasets.errors import FeatureNotFound
from datasets.models.feature_version import FeatureUsage
from datasets.models.parts import Column
from mlops.core.ids import as_uuid

if TYPE_CHECKING:
    from datasets.models.feature import Feature


class FeatureQuerySet(models.QuerySet["Feature"]):
    def find(self, text: str) -> "Feature":
        """Return the feature of this name, else id. Raises FeatureNotFound."""
        found = self.filter(feature_name=text).first()
        if found is None and (feature_id := as_uuid(text)):
            found = self.filter(pk=feature_id).first()
        if found is None:
            raise FeatureNotFound(f"There is no feature {text!r}.")
        return found

    def named(self, wanted: Iterable[str], *, field: str) -> list["Feature"]:
        """Return the features of these names. Raises FeatureNotFound for the first."""
        listed = list(dict.fromkeys(wanted))
        found = {
            item.feature_name: item for item in self.filter(feature_name__in=listed)
        }
        for name in listed:
            if name not in found:
                raise FeatureNotFound(f"There is no feature {name!r}.", field=field)
        return [found[name] for name in listed]

    def with_details(self) -> Self:
        """Load what an answer shows, in a constant number of queries."""
        uses = FeatureUsage.objects.filter(feature=OuterRef("pk")).order_by()
        per_feature = uses.values("feature")
        # The default order would join datasets under the outer query's own alias.
        column = Column.objects.filter(
            version=OuterRef("binding__dataset__current_version"),
            name=OuterRef("binding__column"),
        ).order_by()
        return (
            self.select_related(
                "owner",
                "binding__bound_by",
                "binding__dataset__current_version__dataset",
            )
            .prefetch_related("upstream", "downstream")
            .annotate(
                usage_count=Coalesce(
                    Subquery(per_feature.values(count=Count("pk"))), 0
                ),
                last_used_at=Subquery(per_feature.values(last=Max("used_at"))),
                column_profile=Subquery(column.values("profile")[:1]),
            )
        )

    def searched(self, text: str) -> Self:
        return self.filter(
            Q(feature_name__icontains=text) | Q(description__icontains=text)
        )
