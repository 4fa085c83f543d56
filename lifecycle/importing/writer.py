"""Writes a history through the store, in parts; or only counts what it would write."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from uuid import UUID

from django.db import connection

from lifecycle.models.inputs import note_read
from lifecycle.states import ModelStage, RunStatus
from lifecycle.store import (
    aliases,
    artifacts,
    experiments,
    inputs,
    logged,
    logged_metrics,
    logged_models,
    past_experiments,
    recording,
    registered_models,
    registration,
    runs,
    stages,
)
from lifecycle.store.aliases import PastAliasChange
from lifecycle.store.artifacts import ArtifactOwner, NewFile
from lifecycle.store.experiments import NewExperiment
from lifecycle.store.inputs import NamedDataset
from lifecycle.store.logged_metrics import ModelPoint
from lifecycle.store.logged_models import PastLoggedModel
from lifecycle.store.points import NewPoint
from lifecycle.store.recording import Recording
from lifecycle.store.registered_models import LockedModel, PastRegisteredModel
from lifecycle.store.registration import NewVersion, PastVersion, Registered
from lifecycle.store.runs import NewRun
from lifecycle.store.stages import PastStageChange
from mlops.core.errors import CommandRefused


class MadeMeanwhile(CommandRefused):
    """Somebody made the same while the import was at work."""

    code = "lost_race"


Committing = Callable[[Counter[str]], None]
DRY = -1
"""The key of a row that a dry run would make."""


class HistoryWriter:
    """Records in parts, each a transaction; `counts` has what was committed.

    A dry writer stores nothing, counts the same, and hands out keys below zero.
    """

    def __init__(self, *, is_dry: bool, committing: Committing | None = None) -> None:
        self.is_dry = is_dry
        self.counts: Counter[str] = Counter()
        self._committing = committing
        self._history: Recording | None = None
        self._dry_keys = count(DRY, -1)

    @contextmanager
    def part(self) -> Iterator[None]:
        """Store what follows in one transaction, or nothing of it."""
        if self.is_dry:
            yield
            return
        with recording.part(self.counts) as history:
            self._history = history
            try:
                yield
            finally:
                self._history = None
            if history.counts and self._committing:
                self._committing(history.counts)

    def experiment(
        self,
        pk: int | None,
        new: NewExperiment,
        labels: Mapping[str, str],
        *,
        over: bool,
    ) -> int:
        """Store an experiment: under an id, over an empty one, or under a new id."""
        history = self._history
        if history is None:
            self.counts.update({"experiments": 1, "tags": len(labels)})
            return next(self._dry_keys) if pk is None else pk
        if pk is None:
            made = experiments.record(history, new, labels)
        elif over:
            made = past_experiments.record_over(history, pk, new, labels)
        else:
            made = past_experiments.record_as(history, pk, new, labels)
        if made is None:
            raise MadeMeanwhile(
                f"The experiment {new.name!r} was made here meanwhile; try again."
            )
        return made

    def run(self, new: NewRun) -> int:
        if self._history is None:
            self.counts["runs"] += 1
            return next(self._dry_keys)
        made = runs.record(self._history, new)
        if made is None:
            raise MadeMeanwhile(
                f"The run {new.uid} was made here meanwhile; try again."
            )
        return made

    def run_end(self, run: int, status: RunStatus, ended_ms: int | None) -> None:
        if self._history is None:
            self.counts["runs that went on"] += 1
        else:
            runs.record_end(self._history, run, status, ended_ms)

    def log(
        self,
        run: int,
        *,
        points: Sequence[NewPoint] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        if self._history is None:
            self._count("points", len(points))
            self._count("parameters", len(params or {}))
            self._count("tags", len(tags or {}))
        else:
            logged.record(
                self._history, run, metrics=points, parameters=params, labels=tags
            )

    def read(self, run: int, experiment: int, dataset: NamedDataset) -> None:
        self._count("inputs", 1)
        if self._history is not None:
            note_read(self._history.cursor, run, experiment, dataset)

    def file(self, owner: ArtifactOwner, file: NewFile) -> None:
        if self._history is None:
            self.counts["files"] += 1
        else:
            artifacts.record(self._history, owner, file)

    def logged_model(self, model: PastLoggedModel) -> None:
        if self._history is None:
            self.counts["logged models"] += 1
        elif not logged_models.record(self._history, model):
            raise MadeMeanwhile(
                f"The logged model {model.pk} was made here meanwhile; try again."
            )

    def model_points(self, run: int, points: Sequence[ModelPoint]) -> None:
        self._count("points of logged models", len(points))
        if self._history is not None:
            logged_metrics.write(self._history.cursor, run, points)

    def model_link(self, run: int, model: str, step: int | None) -> None:
        """Store that a run made a model at a step, or, without one, that it read it."""
        self._count("inputs" if step is None else "outputs", 1)
        if self._history is None:
            return
        if step is None:
            inputs.read_models(self._history.cursor, run, [model])
        else:
            inputs.made_models(self._history.cursor, run, {model: step})

    def registered_model(self, past: PastRegisteredModel) -> LockedModel:
        if self._history is None:
            self.counts["registered models"] += 1
            return LockedModel(next(self._dry_keys), past.name, 1)
        made = registered_models.record(self._history, past)
        if made is None:
            raise MadeMeanwhile(
                f"The model {past.name!r} was made here meanwhile; try again."
            )
        return made

    def pass_number(self, model: LockedModel, number: int) -> None:
        """Let the model's next version have a number after this one."""
        if self._history is not None:
            registered_models.pass_number(self._history.cursor, model, number)

    def version(
        self, model: LockedModel, new: NewVersion, past: PastVersion
    ) -> Registered | None:
        if self._history is None:
            self.counts["versions"] += 1
            return None
        made = registration.record(self._history, model, new, past)
        if made is None:
            raise MadeMeanwhile(
                f"{model.name} {past.number} was made here meanwhile; try again."
            )
        return made

    def stage(
        self, version: Registered | None, stage: ModelStage, at: datetime
    ) -> None:
        """Store the one move of a version that a source tells of."""
        before, reason = ModelStage.EXPERIMENTAL, "imported from MLflow"
        if self._history is None or version is None:
            self.counts["stage changes"] += 1
        else:
            change = PastStageChange(before, stage, at, reason=reason)
            stages.record(self._history, version.id, change)

    def alias(
        self,
        model: LockedModel,
        alias: str,
        version: UUID | None,
        turn: PastAliasChange,
    ) -> None:
        if self._history is None or version is None:
            self.counts.update({"aliases": 1, "alias changes": 1})
        else:
            aliases.record(self._history, model, alias, version.hex)
            aliases.record_change(self._history, model, turn)

    def pass_experiment_ids(self) -> None:
        """Let the next experiment have an id after those that were given."""
        if not self.is_dry:
            with connection.cursor() as cursor:
                past_experiments.pass_ids(cursor)

    def _count(self, what: str, number: int) -> None:
        if not number:
            return
        if self._history is None:
            self.counts[what] += number
        elif what not in {"points", "parameters", "tags"}:
            self._history.count(what, number)
