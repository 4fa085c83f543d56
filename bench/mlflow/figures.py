"""CPU of our server per request, in milliseconds by case, as JSON (`bench.against`)."""

import json
import sys
import tempfile
import time
from pathlib import Path

from bench.mlflow.cases import Request, cases, prepare
from bench.mlflow.servers import Server, ours
from bench.mlflow.wire import Wire

RUNS, SECONDS = 100, 1.0


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        ours(Path(folder)) as server,
    ):
        requests = cases(prepare(Wire(server), RUNS))
        figures = {name: cpu_ms(server, send) for name, send in requests.items()}
    sys.stdout.write(json.dumps(figures))


def cpu_ms(server: Server, send: Request) -> float:
    """Return the milliseconds of CPU that the server takes for one request."""
    for _ in range(20):  # what is only done once or at first is not counted
        send()
    cpu, end, number = server.cpu_s(), time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        send()
        number += 1
    return (server.cpu_s() - cpu) / number * 1000


if __name__ == "__main__":
    main()
