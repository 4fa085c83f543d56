"""An import from its first look to its report."""

import fcntl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from lifecycle.importing import experiments, logged_models, registry, runs
from lifecycle.importing.context import ImportContext, ImportOptions
from lifecycle.importing.experiments import PlacedExperiment
from lifecycle.importing.report import ImportReport
from lifecycle.importing.sources import HistorySource
from lifecycle.importing.writer import HistoryWriter
from lifecycle.models import HistoryImport
from lifecycle.store import recording
from mlops.core.errors import CommandRefused

LOCK: Final = "import.lock"
MOST_CLASHES: Final = 50


class NamesTaken(CommandRefused):
    """Experiments or models of these names are here and are others."""

    code = "names_taken"


class SeveralWorkspaces(CommandRefused):
    """The store has several workspaces, whose names may be the same."""

    kind, code = "invalid", "several_workspaces"


class ImportRunning(CommandRefused):
    code = "import_running"


@dataclass(slots=True)
class ImportProgress:
    """How far an import is; runs and points of the source."""

    totals: dict[str, int]
    runs: int = 0
    written: Counter[str] = field(default_factory=Counter)


Watcher = Callable[[ImportProgress], None]


def bring_in(
    source: HistorySource,
    options: ImportOptions,
    *,
    by: int | None,
    watch: Watcher | None = None,
) -> ImportReport:
    """Import a history, or what of it is not here yet, and return what was done.

    Whole runs are committed, some hundred at a time: an import that is killed is
    repeated and goes on. Raises NamesTaken or SeveralWorkspaces before anything is
    written, and ImportRunning. A dry run writes nothing and returns the same counts.
    """
    with _alone():
        return _Importer(source, options, by=by, watch=watch).work()


class _Importer:
    def __init__(
        self,
        source: HistorySource,
        options: ImportOptions,
        *,
        by: int | None,
        watch: Watcher | None,
    ) -> None:
        self._by, self._watch = by, watch
        self._progress = ImportProgress(source.totals())
        self._row: HistoryImport | None = None
        writer = HistoryWriter(is_dry=options.is_dry, committing=self._note)
        self._context = ImportContext(source, writer, ImportReport(), options)

    def work(self) -> ImportReport:
        context = self._context
        self._require_workspace()
        for home, experiment in self._experiments(self._homes()):
            for done in runs.bring(context, home, experiment):
                self._tell(done)
            logged_models.bring(context, home, experiment)
        registry.bring(context)
        context.report.left_out.update(context.source.left_out())
        context.report.written.update(context.writer.counts)
        self._finish()
        return context.report

    def _experiments(
        self, homes: list[PlacedExperiment]
    ) -> list[tuple[PlacedExperiment, int]]:
        """Store the experiments; those that keep their ids come before new ids."""
        kept = [home for home in homes if home.pk is not None]
        others = [home for home in homes if home.pk is None]
        done = [(home, experiments.write(self._context, home)) for home in kept]
        if self._context.writer.counts["experiments"]:
            self._context.writer.pass_experiment_ids()
        done += [(home, experiments.write(self._context, home)) for home in others]
        return done

    def _homes(self) -> list[PlacedExperiment]:
        """Return the experiments to bring. Raises NamesTaken, with all clashes."""
        context = self._context
        homes, clashes = [], []
        for one in experiments.placed(context):
            found = experiments.clash(one)
            if found and experiments.is_empty_default(context, one):
                context.report.noted["empty default experiments, which stay there"] += 1
                continue
            clashes += [found] if found else []
            homes.append(one)
        for row in context.source.registered_models():
            clashes += [found] if (found := registry.clash(context, row)) else []
        if clashes:
            listed = ", ".join(clashes[:MOST_CLASHES])
            raise NamesTaken(
                f"{len(clashes)} names are taken by others here: {listed}. Nothing was "
                "written; give a prefix to bring them in under other names."
            )
        return homes

    def _require_workspace(self) -> None:
        context = self._context
        found = context.source.workspaces()
        wanted = context.options.workspace
        if len(found) > 1 and not wanted:
            raise SeveralWorkspaces(
                f"The store has the workspaces {', '.join(found)}: name one of them."
            )
        if wanted and wanted not in found:
            raise SeveralWorkspaces(
                f"The store has no workspace {wanted!r}, only: {', '.join(found)}."
            )

    def _note(self, counts: Counter[str]) -> None:
        """Keep how far it is, in the part's transaction; the first makes the row."""
        if self._row is None:
            self._row = HistoryImport.objects.resume_or_begin(
                self._context.source.name, self._progress.totals, by=self._by
            )
        self._row.runs_seen = self._progress.runs
        self._row.note(counts)

    def _tell(self, done: int) -> None:
        self._progress.runs += done
        self._progress.written = self._context.writer.counts
        if self._watch is not None:
            self._watch(self._progress)

    def _finish(self) -> None:
        """Append the one entry of the trail; none where nothing was written."""
        row = self._row
        if row is None:
            return
        row.runs_seen = self._progress.runs
        with transaction.atomic(), connection.cursor() as cursor:
            recording.note_whole(cursor, row.source, row.counts, by=self._by)
            row.finish(self._context.report.as_json())


@contextmanager
def _alone() -> Iterator[None]:
    """Let one import work at a time; the lock goes with its process."""
    path = settings.DATA_DIR / LOCK
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ImportRunning("Another import is at work here.") from None
        yield
