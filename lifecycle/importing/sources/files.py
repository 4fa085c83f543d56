"""A store of files (`mlruns`), of every release, in the words of MLflow's columns."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from lifecycle.importing.sources.base import Pairs, RawPoint, Row
from lifecycle.importing.sources.folders import (
    MAX_METRIC_BYTES,
    META,
    UNFIT,
    StoreFolders,
)

PAGE: Final = 500
TRASH: Final = ".trash"
REGISTRY: Final = "models"
_NO_RUNS: Final = frozenset({"tags", "models", "datasets", "traces"})
_MODEL_POINT: Final = 4
"""How many fields a logged model's metric has at least: time, value, step, run."""

Place = tuple[str, ...]


class FileSource:
    """A folder `mlruns`, with what lies in its trash; keys are names of folders."""

    def __init__(self, root: Path, workspace: str = "") -> None:
        self.name, self.root = str(root), str(root)
        self._folders = StoreFolders(root)
        self._experiments: dict[str, Place] = {}
        self._runs: dict[str, Place] = {}
        self._links: dict[str, list[Row]] | None = None
        for place in ((), (TRASH,)):
            for name in self._folders.names(*place):
                if self._folders.has(META, *place, name):
                    self._experiments.setdefault(name, (*place, name))

    def close(self) -> None:
        self._folders.close()

    @property
    def is_store(self) -> bool:
        """Whether anything in the folder looks like a store of MLflow."""
        models = self._folders.names(REGISTRY)
        return bool(self._experiments) or any(
            self._folders.has(META, REGISTRY, name) for name in models
        )

    def workspaces(self) -> list[str]:
        return []

    def totals(self) -> dict[str, int]:
        runs = sum(len(self._run_names(one)) for one in self._experiments.values())
        return {"runs": runs, "points": 0}

    def left_out(self) -> dict[str, int]:
        places = self._experiments.values()
        traces = sum(len(self._folders.names(*one, "traces")) for one in places)
        return {"traces": traces} if traces else {}

    def experiments(self) -> Iterator[Row]:
        for name, place in self._experiments.items():
            row = self._folders.meta(*place)
            row["experiment_id"] = name
            if place[0] == TRASH:
                row["lifecycle_stage"] = "deleted"
            yield row

    def experiment_tags(self, experiment: Any) -> Pairs:
        return self._folders.texts(*self._experiments[experiment], "tags")

    def span(self, experiment: Any) -> tuple[int | None, int | None]:
        place = self._experiments[experiment]
        metas = [self._folders.meta(*place, run) for run in self._run_names(place)]
        starts = [
            one for meta in metas if isinstance(one := meta.get("start_time"), int)
        ]
        ends = [one for meta in metas if isinstance(one := meta.get("end_time"), int)]
        times = [*starts, *ends]
        return min(starts or ends, default=None), max(times, default=None)

    def runs(self, experiment: Any) -> Iterator[list[Row]]:
        place = self._experiments[experiment]
        names = iter(self._run_names(place))
        while page := list(islice(names, PAGE)):
            self._runs = {name: (*place, name) for name in page}
            yield [self._run(name) for name in page]

    def point_counts(self, runs: Sequence[Any]) -> dict[Any, int]:
        return {
            run: sum(
                1 if content is None else content.count(b"\n") or 1
                for _, content in self._metrics(*self._runs[run])
            )
            for run in runs
        }

    def points(self, runs: Sequence[Any]) -> Iterator[RawPoint]:
        for run in runs:
            for key, content in self._metrics(*self._runs[run]):
                found = [_point(run, key, line) for line in _lines(content)]
                yield from sorted(found, key=_order)

    def latest(self, runs: Sequence[Any]) -> Iterator[RawPoint]:
        return iter(())

    def params(self, runs: Sequence[Any]) -> dict[Any, Pairs]:
        return {run: self._folders.texts(*self._runs[run], "params") for run in runs}

    def tags(self, runs: Sequence[Any]) -> dict[Any, Pairs]:
        return {run: self._folders.texts(*self._runs[run], "tags") for run in runs}

    def inputs(self, runs: Sequence[Any]) -> dict[Any, list[Row]]:
        found: dict[Any, list[Row]] = defaultdict(list)
        for run in runs:
            place = self._runs[run]
            for name in self._folders.names(*place, "inputs"):
                link = self._folders.meta(*place, "inputs", name)
                if link.get("source_type") != "DATASET":
                    continue
                key = str(link.get("source_id"))
                row = self._folders.meta(*place[:-1], "datasets", key)
                tags = link.get("tags")
                row["tags"] = list(tags.items()) if isinstance(tags, Mapping) else []
                found[run].append(row)
        return found

    def logged_models(self, experiment: Any) -> Iterator[Row]:
        place = self._experiments[experiment]
        for name in self._folders.names(*place, "models"):
            row = self._folders.meta(*place, "models", name)
            row["model_id"] = name
            row["creation_timestamp_ms"] = row.get("creation_timestamp")
            row["last_updated_timestamp_ms"] = row.get("last_updated_timestamp")
            self._runs[name] = (*place, "models", name)
            yield row

    def model_params(self, model: Any) -> Pairs:
        return self._folders.texts(*self._runs[model], "params")

    def model_tags(self, model: Any) -> Pairs:
        return self._folders.texts(*self._runs[model], "tags")

    def model_metrics(self, model: Any) -> list[Row]:
        return [
            _model_point(key, line)
            for key, content in self._metrics(*self._runs[model])
            for line in _lines(content)
        ]

    def model_runs(self, model: Any) -> list[Row]:
        if self._links is None:
            self._links = self._all_links()
        return self._links.get(model, [])

    def registered_models(self) -> Iterator[Row]:
        for name in self._folders.names(REGISTRY):
            row = _registry_times(self._folders.meta(REGISTRY, name))
            row.setdefault("name", name)
            yield {**row, "folder": name}

    def registered_tags(self, name: Any) -> Pairs:
        return self._folders.texts(REGISTRY, self._folder(name), "tags")

    def aliases(self, name: Any) -> Pairs:
        return self._folders.texts(REGISTRY, self._folder(name), "aliases")

    def versions(self, name: Any) -> list[Row]:
        folder, found = self._folder(name), []
        for one in self._folders.names(REGISTRY, folder):
            number = one.removeprefix("version-")
            if number != one and number.isdigit():
                row = _registry_times(self._folders.meta(REGISTRY, folder, one))
                found.append({**row, "name": name, "version": int(number)})
        return sorted(found, key=lambda row: int(row["version"]))

    def version_tags(self, name: Any, number: Any) -> Pairs:
        place = (REGISTRY, self._folder(name), f"version-{number}", "tags")
        return self._folders.texts(*place)

    def _folder(self, name: Any) -> str:
        """Return the folder of a registered model, which is called as the model is."""
        return str(name)

    def _run_names(self, place: Place) -> list[str]:
        names = self._folders.names(*place)
        return [
            one
            for one in names
            if one not in _NO_RUNS and self._folders.has(META, *place, one)
        ]

    def _run(self, name: str) -> Row:
        row = self._folders.meta(*self._runs[name])
        told = row.get("run_id", row.get("run_uuid", name))
        if told != name and UNFIT not in row:
            row[UNFIT] = f"{META} says that it is {str(told)[:80]!r}"
        row["run_uuid"] = name
        row["name"] = row.get("run_name") or row.get("name")
        return row

    def _metrics(self, *place: str) -> Iterator[tuple[str, bytes | None]]:
        return self._folders.contents(MAX_METRIC_BYTES, *place, "metrics")

    def _all_links(self) -> dict[str, list[Row]]:
        """Return what ties logged models to runs, by model."""
        found: dict[str, list[Row]] = defaultdict(list)
        for place in self._experiments.values():
            for run in self._run_names(place):
                for kind in ("inputs", "outputs"):
                    for name in self._folders.names(*place, run, kind):
                        link = self._folders.meta(*place, run, kind, name)
                        if link.get("destination_type") not in _MODEL_LINKS:
                            continue
                        row = {
                            "run_id": run,
                            "is_output": kind == "outputs",
                            "step": link.get("step"),
                        }
                        found[str(link.get("destination_id"))].append(row)
        return found


_MODEL_LINKS: Final = ("MODEL_INPUT", "MODEL_OUTPUT")


def _registry_times(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with the names that the columns of a database have."""
    return {
        **row,
        "creation_time": row.get("creation_timestamp"),
        "last_updated_time": row.get("last_updated_timestamp"),
    }


def _lines(content: bytes | None) -> list[list[str]]:
    """Return the fields of each line; a file that is too large is one bad line."""
    if content is None:
        return [["too large"]]
    return [line.split() for line in content.decode("utf-8", "replace").splitlines()]


def _point(run: str, key: str, fields: list[str]) -> RawPoint:
    """Return a point of `timestamp value step`; old releases wrote no step."""
    time, value, step = (*fields, *[""] * 3)[:3]
    number = _number(value)
    is_nan = isinstance(number, float) and math.isnan(number)
    return RawPoint(run, key, step or 0, time, number, is_nan)


def _model_point(key: str, fields: list[str]) -> Row:
    """Return a point of `timestamp value step run [dataset digest]`."""
    time, value, step, run, dataset, digest = (*fields, *[""] * 6)[:6]
    return {
        "metric_name": key,
        "metric_value": _number(value),
        "metric_step": step,
        "metric_timestamp_ms": time,
        "run_id": run,
        "dataset_name": dataset,
        "dataset_digest": digest,
    }


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _order(point: RawPoint) -> tuple[int, int]:
    """Return what points of one key are ordered by; what is no number comes first."""
    return _whole(point.step), _whole(point.timestamp)


def _whole(value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        return 0
