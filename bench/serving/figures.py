"""CPU of a prediction, in milliseconds by case, as JSON (`bench.against`)."""

import http.client
import json
import sys
import tempfile
import time
from pathlib import Path

import psutil
from django.conf import settings

from bench.serving import servers
from bench.serving.load import HEAD

SECONDS = 2.0


def main() -> None:
    settings.configure()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with (
            servers.child(folder) as child,
            servers.routed(folder),
            servers.gateway(folder) as gateway,
        ):
            prefix = f"/serving/production/{servers.NAME}"
            figures = {
                "model process": cpu_ms(child, servers.PATH),
                "gateway and model process": cpu_ms(gateway, prefix + servers.PATH),
            }
    sys.stdout.write(json.dumps(figures))


def cpu_ms(port: int, path: str) -> float:
    """Return milliseconds of CPU of all processes but this one for a prediction."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body, (name, _, value) = servers.body(), HEAD.partition(": ")
    headers = {name: value, "Content-Type": "application/json"}

    def ask() -> None:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(answer.status)

    for _ in range(200):  # what is only done once or at first is not counted
        ask()
    cpu, end, number = _cpu_s(), time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        ask()
        number += 1
    used = (_cpu_s() - cpu) / number * 1000
    connection.close()
    return used


def _cpu_s() -> float:
    times = [
        process.cpu_times() for process in psutil.Process().children(recursive=True)
    ]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
