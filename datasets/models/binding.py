"""Where a feature's values are: a dataset, a column or formula, a key, a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.analytics import expression, profile, schema
from datasets.analytics.errors import InvalidExpression
from datasets.analytics.sql import TableColumn
from datasets.errors import NotReady
from datasets.models import lineage
from datasets.models.binding_target import BindingTarget, checked_columns
from datasets.models.dataset import Dataset
from datasets.models.event import DatasetEvent
from datasets.models.feature_version import FeatureUsage
from datasets.models.version import DatasetVersion
from datasets.states import BindingOrigin, BindingState, DatasetEventKind, FeatureStatus
from mlops.core.models import User
from mlops.core.models.nul_safe import NulSafeJSONField

if TYPE_CHECKING:
    from datasets.models.feature import Feature

MAX_KEY = 8


class FeatureBinding(models.Model):
    """The column of a dataset that holds a feature's values, now and in new versions.

    `types` maps each used column to its type at binding. `broken_since` is the number
    of the first version that does not fit. `computed_profile` has the statistics of a
    formula, for the content and revision in `computed_of`; a column has its own.
    """

    feature = models.OneToOneField(
        "datasets.Feature", models.CASCADE, related_name="binding"
    )
    dataset = models.ForeignKey(
        Dataset,
        models.SET_NULL,
        null=True,
        related_name="bindings",
        verbose_name=_("dataset"),
    )
    dataset_name = models.CharField(_("name of the dataset"), max_length=200)
    column = models.CharField(_("column"), max_length=255, blank=True)
    expression = models.TextField(_("formula"), blank=True)
    entity_key = models.JSONField(_("entity key"), default=list, blank=True)
    event_time = models.CharField(_("event time"), max_length=255, blank=True)
    types = NulSafeJSONField(_("types when bound"), default=dict)
    origin = models.CharField(
        _("bound by"),
        max_length=16,
        choices=BindingOrigin.choices,
        default=BindingOrigin.PERSON,
    )
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=BindingState.choices,
        default=BindingState.BOUND,
    )
    broken_since = models.PositiveIntegerField(_("broken since version"), null=True)
    reason = models.TextField(_("reason"), blank=True)
    computed_profile = NulSafeJSONField(default=dict)
    computed_of = models.CharField(max_length=100, blank=True)
    bound_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    bound_at = models.DateTimeField(_("bound"), default=timezone.now)

    class Meta:
        verbose_name = _("feature binding")
        verbose_name_plural = _("feature bindings")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Statistics read one of the two; both or neither would be a guess.
            models.CheckConstraint(
                condition=(Q(column="") & ~Q(expression=""))
                | (~Q(column="") & Q(expression="")),
                name="binding_column_or_formula",
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset_name}: {self.column or self.expression}"

    @classmethod
    def write(
        cls, feature: "Feature", wanted: BindingTarget, *, by: User | None
    ) -> "FeatureBinding":
        """Bind a feature, replacing its old binding. Call it in a transaction.

        Raises DatasetNotFound, NotReady or InvalidBinding, which names the field.
        """
        found = Dataset.objects.find(wanted.dataset, field="binding.dataset")
        # Nobody makes another version current meanwhile.
        dataset = Dataset.objects.select_for_update().get(pk=found.pk)
        version = dataset.current_version
        if version is None:
            raise NotReady(
                f"{dataset} has no version that could be read yet.",
                field="binding.dataset",
            )
        used = checked_columns(wanted, version)
        cls.objects.filter(feature=feature).delete()
        return cls.objects.create(
            feature=feature,
            dataset=dataset,
            dataset_name=dataset.name,
            column=wanted.column,
            expression=wanted.expression,
            entity_key=list(wanted.entity_key),
            event_time=wanted.event_time,
            types={column.name: column.type for column in used},
            bound_by=by,
        )

    def examine(
        self,
        version: DatasetVersion,
        columns: Sequence[TableColumn],
        *,
        by_rules_only: bool,
    ) -> None:
        """Check a version that becomes current against the binding.

        Types that differ by the type rules alone are updated. Writes an event when the
        feature breaks or is repaired. Call it in a transaction.
        """
        if by_rules_only:
            self._take_over(columns)
        reason = self._broken_reason(columns)
        was_broken = self.state == BindingState.BROKEN
        self.reason = reason
        self.state = BindingState.BROKEN if reason else BindingState.BOUND
        if not reason:
            self.broken_since = None
        elif not was_broken:
            self.broken_since = version.number
        self.save(update_fields=["reason", "state", "broken_since", "types"])
        if bool(reason) != was_broken:
            self._note(version)

    def lose_dataset(self) -> None:
        """Break the feature: its dataset is being deleted."""
        if self.state != BindingState.BROKEN:
            self.broken_since = None
        self.state = BindingState.BROKEN
        self.reason = f"its dataset {self.dataset_name} was deleted"
        self.save(update_fields=["reason", "state", "broken_since"])
        self._note(None)

    def keep_figures(self, version: DatasetVersion, figures: dict[str, Any]) -> None:
        """Keep the statistics of the formula over a version's content."""
        self.computed_profile = figures
        self.computed_of = _content(version)
        self.save(update_fields=["computed_profile", "computed_of"])

    @property
    def is_broken(self) -> bool:
        return self.state == BindingState.BROKEN

    @property
    def current_version(self) -> DatasetVersion | None:
        """The version whose figures are the feature's; None of a broken one."""
        if self.is_broken or self.dataset is None:
            return None
        return self.dataset.current_version

    @property
    def computed_figures(self) -> dict[str, Any] | None:
        """The formula's statistics if they are of the current content, else None."""
        version = self.current_version
        if version is None or self.computed_of != _content(version):
            return None
        found: dict[str, Any] = self.computed_profile
        return found

    @property
    def columns(self) -> list[str]:
        """Every column that is used: for the values, the key and the time."""
        return list(self.types)

    @property
    def broken_text(self) -> str:
        """Since when the feature is broken, and why; empty where it is not."""
        if not self.is_broken:
            return ""
        if self.broken_since is None:
            return f"Broken: {self.reason}."
        return (
            f"Broken since version {self.broken_since} of {self.dataset_name}:"
            f" {self.reason}."
        )

    def _take_over(self, columns: Sequence[TableColumn]) -> None:
        now = {column.name: column.type for column in columns}
        self.types = {name: now.get(name, kind) for name, kind in self.types.items()}

    def _broken_reason(self, columns: Sequence[TableColumn]) -> str:
        """Return why these columns do not fit; empty if they do."""
        bound = [TableColumn(name, kind) for name, kind in self.types.items()]
        for name, reason in schema.diff(bound, columns).breaks.items():
            if name == self.column:
                return reason
            return reason.replace("its column", f"its column {name!r}", 1)
        if self.expression:
            try:
                expression.parse(self.expression).sql(columns)
            except InvalidExpression as refused:
                return refused.message.rstrip(".")
        return ""

    def _note(self, version: DatasetVersion | None) -> None:
        dataset = self.dataset
        if dataset is None or self.feature.status == FeatureStatus.ARCHIVED:
            return
        is_broken = self.is_broken
        where = version or self.dataset_name
        message = f"{where} has again what the feature {self.feature} is bound to."
        if is_broken:
            message = f"The feature {self.feature} is broken in {where}: {self.reason}."
            message += self._dependents()
        kinds = DatasetEventKind
        DatasetEvent.note(
            kinds.FEATURE_BROKEN if is_broken else kinds.FEATURE_MENDED,
            dataset,
            message,
            feature=self.feature,
            version_number=version.number if version else None,
        )

    def _dependents(self) -> str:
        below = lineage.downstream([self.feature_id])
        names = [item.feature_name for item in below]
        users = FeatureUsage.objects.models_of(
            [self.feature_id, *(item.id for item in below)]
        )
        text = ""
        if names:
            text += f" Computed from it: {', '.join(names)}."
        return f"{text} Models that use it: {', '.join(users)}." if users else text


def _content(version: DatasetVersion) -> str:
    return f"{version.digest}.{profile.REVISION}"
