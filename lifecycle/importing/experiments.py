"""Experiments: which of them are here already, which are new, and under which id."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lifecycle.importing import cells
from lifecycle.importing.cells import Row, Unfit
from lifecycle.importing.context import (
    ID_TAG,
    LOCATION_TAG,
    NOTE_TAG,
    TAG,
    ImportContext,
)
from lifecycle.importing.locations import find, is_remote
from lifecycle.models import Experiment, ExperimentTag
from lifecycle.store.experiments import NewExperiment
from lifecycle.times import from_ms, to_ms

DEFAULT: Final = 0
"""The experiment that every MLflow store has, and ours."""
_MAX_NAME: Final = 500
_MAX_LABEL: Final = 2000
_MAX_ID: Final = 10**18


@dataclass(frozen=True, slots=True)
class PlacedExperiment:
    """An experiment of the source, and where it is or comes here.

    `pk` is None for a new id. `is_over` takes the place of our empty default one.
    """

    key: object
    pk: int | None
    new: NewExperiment
    labels: dict[str, str]
    is_here: bool = False
    is_over: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether its files stay elsewhere."""
        return bool(self.new.artifact_label)


def placed(context: ImportContext) -> Iterator[PlacedExperiment]:
    """Yield the experiments of the source; what cannot come in is reported."""
    for row in context.source.experiments():
        try:
            yield _placed(context, row)
        except Unfit as unfit:
            context.report.refuse("experiments", row.get("experiment_id"), unfit)


def clash(one: PlacedExperiment) -> str:
    """Return what keeps a new experiment from its name; "" if nothing does."""
    if one.is_here:
        return ""
    others = Experiment.objects.filter(name=one.new.name)
    if one.is_over:
        others = others.exclude(pk=DEFAULT)
    return f"experiment {one.new.name!r}" if others.exists() else ""


def is_empty_default(context: ImportContext, one: PlacedExperiment) -> bool:
    """Whether it is a default experiment with nothing in it, which need not come."""
    labels = [name for name in one.labels if not name.startswith(TAG)]
    if _number(one.key) != DEFAULT or labels or one.new.description:
        return False
    return next(context.source.runs(one.key), None) is None


def write(context: ImportContext, one: PlacedExperiment) -> int:
    """Return the primary key of an experiment that is here, or is stored now."""
    if one.is_here and one.pk is not None:
        context.report.present["experiments"] += 1
        return one.pk
    with context.writer.part():
        return context.writer.experiment(one.pk, one.new, one.labels, over=one.is_over)


def _placed(context: ImportContext, row: Row) -> PlacedExperiment:
    cells.require_readable(row)
    key = row.get("experiment_id")
    number = _number(key)
    new, labels = _new(context, row)
    if (here := _here(labels, new)) is not None:
        return PlacedExperiment(key, here, new, labels, is_here=True)
    if number == DEFAULT and context.options.prefix:
        return PlacedExperiment(key, None, new, labels)
    if number is not None and not Experiment.objects.filter(pk=number).exists():
        return PlacedExperiment(key, number, new, labels)
    is_over = number == DEFAULT and _is_empty_here()
    return PlacedExperiment(
        key, DEFAULT if is_over else None, new, labels, is_over=is_over
    )


def _new(context: ImportContext, row: Row) -> tuple[NewExperiment, dict[str, str]]:
    name = cells.text(row, "name", most=_MAX_NAME)
    if not name:
        raise Unfit("name is empty")
    if len(context.options.prefix + name) > _MAX_NAME:
        raise Unfit(f"name with the prefix is longer than {_MAX_NAME}")
    location = cells.text(row, "artifact_location")
    labels = cells.pairs(context.source.experiment_tags(row.get("experiment_id")))
    description = labels.pop(NOTE_TAG, "")
    labels[ID_TAG] = str(row.get("experiment_id"))
    labels[LOCATION_TAG] = location
    created, updated, deleted = _times(context, row)
    new = NewExperiment(
        context.options.prefix + name,
        description=description,
        artifact_label=_label(context, location),
        created_at=created,
        updated_at=updated,
        deleted_at=deleted,
    )
    return new, labels


def _times(
    context: ImportContext, row: Row
) -> tuple[datetime, datetime, datetime | None]:
    """Return when it was made, changed and deleted, never a time of today's.

    Releases before 1.29 kept none of it: then its runs tell, as far as they can.
    """
    created = cells.integer(row, "creation_time")
    updated = cells.integer(row, "last_update_time")
    first, last = None, None
    if created is None or updated is None:
        first, last = context.source.span(row.get("experiment_id"))
        context.report.noted["experiments whose times their runs tell"] += 1
    if created is None:
        created = first if first is not None else updated or 0
    if updated is None:
        updated = last if last is not None else created
    deleted = from_ms(updated) if cells.is_deleted(row) else None
    return from_ms(created), from_ms(updated), deleted


def _label(context: ImportContext, location: str) -> str:
    """Return a remote address that stays where the files are; "" if they come here."""
    if not is_remote(location) or len(location) > _MAX_LABEL:
        return ""
    folder = find(location, context.places)
    if folder is None:
        return location
    folder.close()
    return ""


def _here(labels: dict[str, str], new: NewExperiment) -> int | None:
    """Return the experiment that came from this one before.

    Two stores may have the same id and relative address, so that name or time have
    to be the same as well.
    """
    wanted = ExperimentTag.objects.filter(
        key__name=ID_TAG, value=labels[ID_TAG]
    ).select_related("experiment")
    for tag in wanted:
        one = tag.experiment
        locations = one.tags.filter(key__name=LOCATION_TAG, value=labels[LOCATION_TAG])
        same = one.name == new.name or to_ms(one.created_at) == to_ms(new.created_at)
        if same and locations.exists():
            return one.pk
    return None


def _is_empty_here() -> bool:
    default = Experiment.objects.get(pk=DEFAULT)
    return not (
        default.runs.exists() or default.logged_models.exists() or default.tags.exists()
    )


def _number(key: object) -> int | None:
    """Return the id that a store gave, where ours can be the same."""
    try:
        number = cells.whole(key, "experiment_id")
    except Unfit:
        return None
    return number if 0 <= number < _MAX_ID else None
