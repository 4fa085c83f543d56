"""What every kind of store answers, in the words of MLflow's own columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mlops.core.errors import CommandRefused

Row = Mapping[str, Any]
Pairs = list[tuple[Any, Any]]


class BadSource(CommandRefused):
    """The source cannot be opened, or is no MLflow store."""

    kind, code = "invalid", "bad_source"


class RawPoint(NamedTuple):
    """A metric's value as it is stored: nothing of it is checked."""

    run: Any
    key: Any
    step: Any
    timestamp: Any
    value: Any
    is_nan: Any


class HistorySource(Protocol):
    """A store that was opened for reading; all of it is of one moment.

    Rows have the names of MLflow's columns; a column that a release did not have yet
    is not in the row. `runs` are ids of runs as the store has them.
    """

    @property
    def name(self) -> str:
        """What it is called in reports: no password is part of it."""
        ...

    @property
    def root(self) -> str:
        """Return the folder where a store of files keeps its files, else ""."""
        ...

    def workspaces(self) -> list[str]: ...

    def totals(self) -> dict[str, int]:
        """Return how many runs and points there are, for progress."""
        ...

    def left_out(self) -> dict[str, int]:
        """Return rows by table of what is not brought in; only counts are read."""
        ...

    def experiments(self) -> Iterator[Row]: ...

    def experiment_tags(self, experiment: Any) -> Pairs: ...

    def span(self, experiment: Any) -> tuple[int | None, int | None]:
        """Return the first start and the last end of its runs (ms)."""
        ...

    def runs(self, experiment: Any) -> Iterator[list[Row]]:
        """Yield the runs of an experiment in pages, always in the same order."""
        ...

    def point_counts(self, runs: Sequence[Any]) -> dict[Any, int]: ...

    def points(self, runs: Sequence[Any]) -> Iterator[RawPoint]:
        """Yield points ordered by run, key, step and time."""
        ...

    def latest(self, runs: Sequence[Any]) -> Iterator[RawPoint]:
        """Yield what the store itself takes for the newest of each metric."""
        ...

    def params(self, runs: Sequence[Any]) -> dict[Any, Pairs]: ...

    def tags(self, runs: Sequence[Any]) -> dict[Any, Pairs]: ...

    def inputs(self, runs: Sequence[Any]) -> dict[Any, list[Row]]:
        """Return the datasets that runs read, each with `tags`, a list of pairs."""
        ...

    def logged_models(self, experiment: Any) -> Iterator[Row]: ...

    def model_params(self, model: Any) -> Pairs: ...

    def model_tags(self, model: Any) -> Pairs: ...

    def model_metrics(self, model: Any) -> list[Row]: ...

    def model_runs(self, model: Any) -> list[Row]:
        """Return links to runs: `run_id`, `is_output`, `step`."""
        ...

    def registered_models(self) -> Iterator[Row]: ...

    def registered_tags(self, name: Any) -> Pairs: ...

    def aliases(self, name: Any) -> Pairs:
        """Return (alias, number of the version)."""
        ...

    def versions(self, name: Any) -> list[Row]:
        """Return the versions by number, those that are deleted as well."""
        ...

    def version_tags(self, name: Any, number: Any) -> Pairs: ...

    def close(self) -> None: ...
