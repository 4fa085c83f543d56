"""Effects of a new current version on columns and the features bound to them."""

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from datasets.analytics import schema
from datasets.analytics.sql import TableColumn
from datasets.models.parts import Column
from datasets.models.version import DatasetVersion
from datasets.states import DatasetEventKind, EventSeverity
from mlops.core.models.nul_safe import NulSafeJSONField, NulSafeTextField

if TYPE_CHECKING:
    from datasets.models.dataset import Dataset

SHOWN_COLUMNS = 20
TEXT = "VARCHAR"

SEVERITIES: dict[DatasetEventKind, EventSeverity] = {
    DatasetEventKind.COLUMNS_REMOVED: EventSeverity.HIGH,
    DatasetEventKind.COLUMNS_BECAME_TEXT: EventSeverity.HIGH,
    DatasetEventKind.COLUMNS_RETYPED: EventSeverity.MEDIUM,
    DatasetEventKind.TYPES_BY_RULES: EventSeverity.LOW,
    DatasetEventKind.FEATURE_BROKEN: EventSeverity.HIGH,
    DatasetEventKind.FEATURE_MENDED: EventSeverity.LOW,
}


class DatasetEvent(models.Model):
    """A change that users of the dataset should know of.

    `columns` lists `{name, before, after}`; `after` is null for a removed column. The
    event outlives its dataset and keeps its name.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(
        "datasets.Dataset",
        models.SET_NULL,
        null=True,
        related_name="events",
        verbose_name=_("dataset"),
    )
    dataset_name = models.CharField(_("name of the dataset"), max_length=200)
    version_number = models.PositiveIntegerField(_("version"), null=True)
    kind = models.CharField(_("kind"), max_length=24, choices=DatasetEventKind.choices)
    severity = models.CharField(
        _("severity"), max_length=8, choices=EventSeverity.choices
    )
    feature = models.ForeignKey(
        "datasets.Feature",
        models.CASCADE,
        null=True,
        related_name="events",
        verbose_name=_("feature"),
    )
    columns = NulSafeJSONField(_("columns"), default=list)
    message = NulSafeTextField(_("message"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("dataset event")
        verbose_name_plural = _("dataset events")
        indexes: ClassVar[list[models.Index]] = [
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-created_at", "-id"], name="newest_dataset_events")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.dataset_name}"

    @classmethod
    def note(
        cls,
        kind: DatasetEventKind,
        dataset: "Dataset",
        message: str,
        **fields: Any,
    ) -> "DatasetEvent":
        """Write an event of a dataset, with the severity of its kind."""
        return cls.objects.create(
            dataset=dataset,
            dataset_name=dataset.name,
            kind=kind,
            severity=SEVERITIES[kind],
            message=message,
            **fields,
        )


def note_columns(
    dataset: "Dataset", before: DatasetVersion, after: DatasetVersion
) -> None:
    """Write what the columns of one version are against those of the one before.

    One event for each sort of change, however many columns. Of the same bytes that
    were read by other rules for types it is one event, and no alarm; the version's
    report names the columns, too.
    """
    found = schema.diff(columns_of(before), columns_of(after))
    retyped = [_changed(one.name, one.before, one.after) for one in found.retyped]
    if after.differs_by_rules_only(before):
        if retyped:
            _note(DatasetEventKind.TYPES_BY_RULES, dataset, (before, after), retyped)
            after.report["types_by_rules"] = {
                "version": before.number,
                "revisions": [before.type_rules, after.type_rules],
                "columns": retyped,
            }
            after.save(update_fields=["report"])
        return
    removed = [_changed(one.name, one.type, None) for one in found.removed]
    sorts = {
        DatasetEventKind.COLUMNS_REMOVED: removed,
        DatasetEventKind.COLUMNS_BECAME_TEXT: [
            one for one in retyped if one["after"] == TEXT
        ],
        DatasetEventKind.COLUMNS_RETYPED: [
            one for one in retyped if one["after"] != TEXT
        ],
    }
    for kind, columns in sorts.items():
        if columns:
            _note(kind, dataset, (before, after), columns)


def columns_of(version: DatasetVersion) -> list[TableColumn]:
    """Return the columns of a version in file order."""
    rows = Column.objects.filter(version=version).order_by("position")
    return [TableColumn(*row) for row in rows.values_list("name", "data_type")]


_MESSAGES = {
    DatasetEventKind.COLUMNS_REMOVED: "{after} lacks columns of {before}: {names}.",
    DatasetEventKind.COLUMNS_BECAME_TEXT: (
        "Columns became text from {before} to {after}: {names}."
    ),
    DatasetEventKind.COLUMNS_RETYPED: (
        "Columns changed their type from {before} to {after}: {names}."
    ),
    DatasetEventKind.TYPES_BY_RULES: (
        "{after} holds the bytes of {before}, read by revision {revision} of the type"
        " rules; only for that do types differ: {names}."
    ),
}


def _note(
    kind: DatasetEventKind,
    dataset: "Dataset",
    versions: tuple[DatasetVersion, DatasetVersion],
    columns: Sequence[dict[str, Any]],
) -> None:
    before, after = versions
    message = _MESSAGES[kind].format(
        before=before, after=after, names=_listed(columns), revision=after.type_rules
    )
    if kind in {DatasetEventKind.COLUMNS_BECAME_TEXT, DatasetEventKind.COLUMNS_RETYPED}:
        message += _rules_changed(before, after)
    DatasetEvent.note(
        kind, dataset, message, version_number=after.number, columns=list(columns)
    )


def _rules_changed(before: DatasetVersion, after: DatasetVersion) -> str:
    if before.type_rules == after.type_rules:
        return ""
    return (
        f" The type rules changed as well (revision {before.type_rules} to"
        f" {after.type_rules}), and may be the reason."
    )


def _changed(name: str, before: str, after: str | None) -> dict[str, Any]:
    return {"name": name, "before": before, "after": after}


def _listed(columns: Iterable[dict[str, Any]]) -> str:
    shown = [
        f"{one['name']} ({one['before']} to {one['after']})"
        if one["after"]
        else one["name"]
        for one in columns
    ]
    more = len(shown) - SHOWN_COLUMNS
    text = ", ".join(shown[:SHOWN_COLUMNS])
    return f"{text} and {more} more" if more > 0 else text
