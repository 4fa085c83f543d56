"""Live pages of a team: how soon each moves, and what the API pays for them.

    python -m bench.live

Runs everything with ten deployments and a hundred pages, ten of each, which stream as
the admin's do: the session's cookie, 60 seconds, again with the last id. Every change
of a deployment has to arrive at its ten pages; the delay is that from the time of the
event in the database. The list of deployments is asked in turns with pages and without.
"""

import asyncio
import json
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.printing import say
from bench.stack import running

PORT, SERVING_PORT, STREAM_PORT = 8630, 8631, 8632
PAGES, DEPLOYMENTS, ASKED = 100, 10, 100
TURNS = int(os.environ.get("LIVE_TURNS", "5"))
CHANGES = 5
HOME = "/api/v1/ml/lifecycle/deployments"
TOKEN = re.compile(r"^  admin +(mlops_\S+)", re.MULTILINE)
MADE = f"""
from django.test import Client
from deployments.models import Deployment, Slot
from lifecycle import artifacts
from lifecycle.models import Experiment, ModelVersion, Run
from mlops.core.models import User
experiment = Experiment.create("bench", by=None)
for number in range({DEPLOYMENTS}):
    run = Run.start(experiment, by=None)
    artifacts.save(run, "model.onnx", [b"not looked into"], by=None)
    version = ModelVersion.register(f"bench-{{number}}", by=None, run=run)
    slot = Slot.objects.create(model=version.model, environment="development")
    artifact = version.servable_artifact()
    made = Deployment.objects.create(
        slot=slot, revision=1, model_version=version, artifact=artifact,
        artifact_sha256=artifact.sha256, status="pending",
    )
    print("made", made.pk)
client = Client()
client.force_login(User.objects.get(username="admin"))
print("cookie", client.cookies["sessionid"].value)
"""
CHANGED = """
import sys
from deployments.models import Deployment
for line in sys.stdin:
    Deployment.objects.get(pk=line.split()[0]).notice(line.split()[1])
    print("done", flush=True)
"""


def main() -> None:
    """Print Markdown tables."""
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        environment = os.environ | {
            "MLOPS_DATA_DIR": f"{folder}/var",
            "MLOPS_PORT": str(PORT),
            "MLOPS_SERVING_PORT": str(SERVING_PORT),
            "MLOPS_STREAM_PORT": str(STREAM_PORT),
        }
        with _web(environment, Path(folder) / "out") as (pid, token):
            made = _shell(MADE, environment)
            ids = re.findall(r"^made (\S+)", made, re.MULTILINE)
            cookie = re.findall(r"^cookie (\S+)", made, re.MULTILINE)[0]
            asyncio.run(_measure(ids, cookie, token, pid, environment))


async def _measure(
    ids: list[str], cookie: str, token: str, pid: int, environment: dict[str, str]
) -> None:
    delays: list[float] = []
    without: list[list[float]] = []
    beside: list[list[float]] = []
    before = within = (0, 0.0)
    for turn in range(TURNS):
        without.append(await asyncio.to_thread(_ask, token))
        before = before if turn else await asyncio.to_thread(_size_of, pid)
        pages = [Page(ids[number % len(ids)], cookie, turn) for number in range(PAGES)]
        tasks = [asyncio.create_task(one.stay()) for one in pages]
        for one in pages:
            await one.is_shown.wait()
        within = await asyncio.to_thread(_size_of, pid)
        beside.append(await asyncio.to_thread(_ask, token))
        await asyncio.to_thread(_change, ids, turn, environment)
        await asyncio.sleep(3)
        delays += [delay for one in pages for delay in one.delays]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(2)
    _report(delays, without, beside, before, within)


def _report(
    delays: list[float],
    without: list[list[float]],
    beside: list[list[float]],
    before: tuple[int, float],
    within: tuple[int, float],
) -> None:
    expected = PAGES * CHANGES * TURNS
    say(f"| {PAGES} pages of {DEPLOYMENTS} deployments | |\n|---|---:|")
    say(f"| changes that arrived at a page | {len(delays):,} of {expected:,} |")
    say(f"| delay, p50 | {statistics.median(delays):.2f} s |")
    say(f"| delay, p95 | {_p95(delays):.2f} s |")
    say(f"| delay, longest | {max(delays):.2f} s |")
    say(f"| threads of the web process, without and with | {before[0]}, {within[0]} |")
    say(f"| PSS of it, without and with | {before[1]:.0f} MB, {within[1]:.0f} MB |")
    say("\n| API, p95 of a turn | without | with | ratio |\n|---|---:|---:|---:|")
    for number, (alone, busy) in enumerate(zip(without, beside, strict=True), 1):
        one, two = _p95(alone) * 1000, _p95(busy) * 1000
        say(f"| turn {number} | {one:.1f} ms | {two:.1f} ms | {two / one:.2f} |")
    one, two = (_p95([t for turn in side for t in turn]) for side in (without, beside))
    say(
        f"| all | {one * 1000:.1f} ms | {two * 1000:.1f} ms | {two / one:.2f} |",
    )


class Page:
    """One that streams a deployment, and comes back with the last id."""

    def __init__(self, deployment_id: str, cookie: str, turn: int) -> None:
        self._waits_for = f"change-{turn}-"
        self._path = f"{HOME}/{deployment_id}/stream?seconds=60"
        self._cookie, self._last = cookie, ""
        self.is_shown = asyncio.Event()
        self.delays: list[float] = []

    async def stay(self) -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", STREAM_PORT)
            try:
                last = f"Last-Event-ID: {self._last}\r\n" if self._last else ""
                writer.write(
                    f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\n{last}"
                    f"Cookie: sessionid={self._cookie}\r\n\r\n".encode()
                )
                with suppress(asyncio.IncompleteReadError):
                    await self._read(reader)
            finally:
                writer.close()
            await asyncio.sleep(1)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while text := (await reader.readuntil(b"\n")).decode().strip("\r\n") or " ":
            name, _, value = text.partition(": ")
            if name == "id":
                self._last = value
            elif name == "data" and '"to_status"' in value:
                event = json.loads(value)
                at = datetime.fromisoformat(event["at"]).timestamp()
                if event["message"].startswith(self._waits_for):
                    self.delays.append(time.time() - at)
            elif name == "data":
                self.is_shown.set()


def _change(ids: list[str], turn: int, environment: dict[str, str]) -> None:
    """Let something happen to every deployment, some times, at odd moments."""
    process = _started(CHANGED, environment)
    assert process.stdin is not None  # noqa: S101 - a pipe
    assert process.stdout is not None  # noqa: S101 - a pipe
    for number in range(CHANGES):
        for one in ids:
            process.stdin.write(f"{one} change-{turn}-{number}\n")
            process.stdin.flush()
            process.stdout.readline()
            time.sleep(0.07)
    process.stdin.close()
    process.wait(30)


def _ask(token: str) -> list[float]:
    """Return how long each of many lists of deployments took, in seconds."""
    taken, connection = [], HTTPConnection("127.0.0.1", PORT, timeout=60)
    for _ in range(ASKED):
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}", "Host": "localhost"}
        connection.request("GET", HOME, headers=headers)
        connection.getresponse().read()
        taken.append(time.perf_counter() - began)
        time.sleep(0.01)
    connection.close()
    return taken


def _p95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


@contextmanager
def _web(environment: dict[str, str], out: Path) -> Iterator[tuple[int, str]]:
    """Run everything; yield the process that has the port of streams, and a token.

    The reconciler is held: what is pending stays, and changes when it is changed here.
    """
    with running(environment, out, "--no-demo") as (pid, said):
        found = TOKEN.search(said)
        if found is None:
            raise RuntimeError("The banner names no token.")
        family = _family(pid)
        with _held(_named(family, "reconcile")):
            yield _named(family, "granian")[-1], found[1]


@contextmanager
def _held(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _family(pid: int) -> list[int]:
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += _family(int(child))
    return found


def _named(pids: list[int], word: str) -> list[int]:
    """Return those of a program; workers of the web have no name of it themselves."""
    found = [one for one in pids if word.encode() in _command(one)]
    return [child for one in found for child in _family(one)]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _size_of(pid: int) -> tuple[int, float]:
    """Return a process's threads, and its PSS in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    pss = next(line for line in lines if line.startswith("Pss:"))
    return len(list(Path(f"/proc/{pid}/task").iterdir())), int(pss.split()[1]) / 1e3


def _shell(text: str, environment: dict[str, str]) -> str:
    process = _started(text, environment)
    return str(process.communicate(timeout=120)[0])


def _started(text: str, environment: dict[str, str]) -> Any:
    start = "import django; django.setup()\n"
    return subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-c", start + text],
        env=environment | {"DJANGO_SETTINGS_MODULE": "mlops.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    main()
