"""What is measured: a prepared server, and one request of each kind at a time."""

import itertools
import os
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bench.mlflow.wire import API, FILES, Wire

Request = Callable[[], object]
METRICS, PARAMS = 8, 5
WRITTEN = 300
HISTORY = 10_000
MEGABYTE = 1 << 20


@dataclass(slots=True)
class Prepared:
    """A server with data, alike on both.

    `runs` of one experiment are read; what is logged goes to `written`, runs of
    another one, so that what is read stays as it was.
    """

    wire: Wire
    experiment: str
    other: str
    runs: list[str]
    written: list[str]
    long_run: str
    model: str
    numbers: Iterator[int] = field(default_factory=itertools.count)


def prepare(wire: Wire, runs: int) -> Prepared:
    """Fill a server through its own API. Both get the same random values."""
    dice = random.Random(7)  # noqa: S311 - the same values twice, no secret
    experiment, other = (
        wire.post("experiments/create", {"name": f"bench {secrets.token_hex(4)}"})[
            "experiment_id"
        ]
        for _ in range(2)
    )
    ids = [new_run(wire, experiment, number, dice) for number in range(runs)]
    written = [
        wire.post("runs/create", _run_body(other, number))["run"]["info"]["run_id"]
        for number in range(WRITTEN)
    ]
    for start in range(0, HISTORY, 1000):
        points = [
            {"key": "curve", "value": step / 7, "timestamp": 1000 + step, "step": step}
            for step in range(start, start + 1000)
        ]
        wire.post("runs/log-batch", {"run_id": ids[0], "metrics": points})
    model = f"bench {secrets.token_hex(4)}"
    wire.post("registered-models/create", {"name": model})
    return Prepared(wire, experiment, other, ids, written, ids[0], model)


def cases(prepared: Prepared) -> dict[str, Request]:
    """Return the requests by name; each call is one request."""
    wire, experiment = prepared.wire, prepared.experiment
    numbers, runs = prepared.numbers, prepared.runs
    big = f"{FILES}{experiment}/{prepared.long_run}/artifacts/down.bin"
    wire.raw("PUT", big, secrets.token_bytes(10 * MEGABYTE))

    def one_run() -> str:
        return runs[next(numbers) % len(runs)]

    def written() -> str:
        return prepared.written[next(numbers) % WRITTEN]

    def batch() -> dict[str, object]:
        number = next(numbers)
        return {
            "run_id": written(),
            "metrics": [_point(f"b{key}", number, key) for key in range(100)],
            "params": [{"key": f"bp{key}", "value": "x" * 20} for key in range(20)],
        }

    return {
        "create run": lambda: wire.post("runs/create", _run_body(prepared.other, 1)),
        "log-metric": lambda: wire.post(
            "runs/log-metric", {"run_id": written(), **_point("one", next(numbers), 0)}
        ),
        "log-batch 100 metrics, 20 params": lambda: wire.post(
            "runs/log-batch", batch()
        ),
        "get run": lambda: wire.get(f"runs/get?run_id={one_run()}"),
        "search, filter and order, 100 runs": lambda: _search(wire, experiment, 100),
        "search, 1,000 runs": lambda: _search(wire, experiment, 1000),
        "metric history, 10,000 points": lambda: wire.raw(
            "GET",
            f"{API}metrics/get-history?run_id={prepared.long_run}&metric_key=curve"
            "&max_results=25000",
        ),
        "create version": lambda: wire.post(
            "model-versions/create",
            {
                "name": prepared.model,
                "source": f"runs:/{prepared.long_run}/model",
                "run_id": prepared.long_run,
            },
        ),
        "search versions, 100": lambda: wire.get(
            "model-versions/search?max_results=100"
        ),
        "artifact down, 10 MB": lambda: wire.raw("GET", big),
    }


def uploading(
    prepared: Prepared, megabytes: int, unsynced: Path | None = None
) -> Request:
    """Return one upload of so many megabytes.

    `unsynced` is the artifact folder of a server that answers before a file is on the
    disk; the request then waits for that, as a careful client would.
    """
    content = secrets.token_bytes(megabytes * MEGABYTE)
    inside = f"{prepared.long_run}/artifacts"

    def upload() -> None:
        place = f"{prepared.experiment}/{inside}"
        name = f"up{megabytes}-{next(prepared.numbers)}.bin"
        prepared.wire.raw("PUT", f"{FILES}{place}/{name}", content)
        if unsynced is not None:
            _sync(unsynced / place / name)
            _sync(unsynced / place)

    return upload


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _search(wire: Wire, experiment: str, limit: int) -> bytes:
    body = {
        "experiment_ids": [experiment],
        "filter": "metrics.m0 > 0.1 and params.p0 != 'none'",
        "order_by": ["metrics.m1 DESC"],
        "max_results": limit,
    }
    return wire.raw("POST", f"{API}runs/search", orjson.dumps(body))


def new_run(wire: Wire, experiment: str, number: int, dice: random.Random) -> str:
    made = wire.post("runs/create", _run_body(experiment, number))
    run_id: str = made["run"]["info"]["run_id"]
    wire.post(
        "runs/log-batch",
        {
            "run_id": run_id,
            "metrics": [
                {"key": f"m{key}", "value": dice.random(), "timestamp": 1, "step": 1}
                for key in range(METRICS)
            ],
            "params": [
                {"key": f"p{key}", "value": str(dice.randrange(10))}
                for key in range(PARAMS)
            ],
        },
    )
    return run_id


def _run_body(experiment: str, number: int) -> dict[str, object]:
    tags = {
        "mlflow.user": "bench",
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
    }
    return {
        "experiment_id": experiment,
        "user_id": "bench",
        "run_name": f"run {number}",
        "start_time": 1_700_000_000_000 + number,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }


def _point(key: str, number: int, add: int) -> dict[str, object]:
    return {
        "key": key,
        "value": number / 3 + add,
        "timestamp": 1_700_000_000_000 + number,
        "step": number,
    }
