"""Asks a server over HTTP at full speed: `wrk` where it is installed, else asyncio."""

import asyncio
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass

import uvloop

HEAD = "Authorization: Bearer bench"
END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """Latency in milliseconds, answers a second, and how many were not 200."""

    p50_ms: float
    p99_ms: float
    rps: float
    errors: int


def measure(
    port: int, path: str, body: bytes, *, connections: int, seconds: int
) -> Load:
    """Return what so many connections got in the time, after a short warm-up."""
    run = _wrk if shutil.which("wrk") else _asyncio
    run(port, path, body, connections, 1)
    return run(port, path, body, connections, seconds)


def _wrk(port: int, path: str, body: bytes, connections: int, seconds: int) -> Load:
    script = (
        f"wrk.method='POST'\nwrk.body=[==[{body.decode()}]==]\n"
        "wrk.headers['Content-Type']='application/json'\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
        command += ["-H", HEAD, "-s", file.name, f"http://127.0.0.1:{port}{path}"]
        page = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    text = page.stdout
    failed = re.findall(r"(?:Non-2xx or 3xx responses: |timeout )(\d+)", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if rate is None:
        raise RuntimeError(text)
    return Load(
        _quantile(text, 50), _quantile(text, 99), float(rate[1]), sum(map(int, failed))
    )


def _quantile(text: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")


def _asyncio(port: int, path: str, body: bytes, connections: int, seconds: int) -> Load:
    wire = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\n{HEAD}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body

    async def ask(times: list[float]) -> int:
        loop, failed = asyncio.get_running_loop(), 0
        _, made = await loop.create_connection(_Asking, "127.0.0.1", port)
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            failed += not await made.exchange(wire)
            times.append((time.perf_counter() - start) * 1000)
        made.transport.close()
        return failed

    async def everybody() -> Load:
        times: list[float] = []
        failed = await asyncio.gather(*(ask(times) for _ in range(connections)))
        cuts = statistics.quantiles(times, n=100)
        return Load(cuts[49], cuts[98], len(times) / seconds, sum(failed))

    return uvloop.run(everybody())


class _Asking(asyncio.Protocol):
    """Asks and looks at no more of an answer than its status and its end.

    What it costs is the same for every server, whatever stands in their heads.
    """

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's is one

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._waiting.done():
            self._waiting.set_exception(ConnectionError("The server went away."))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        end = self._answer.find(END)
        length = _LENGTH.search(self._answer, 0, end) if end >= 0 else None
        if length and len(self._answer) >= end + len(END) + int(length[1]):
            self._waiting.set_result(self._answer.startswith(b"HTTP/1.1 200"))

    async def exchange(self, wire: bytes) -> bool:
        """Return whether the answer, once it is whole, is a good one."""
        self._answer = b""
        self._waiting: asyncio.Future[bool] = asyncio.Future()
        self.transport.write(wire)
        return await self._waiting


def table(rows: list[tuple[str, int, Load]]) -> str:
    """Return Markdown: what, connections, p50, p99, rps, errors."""
    lines = [
        "| what | connections | p50 ms | p99 ms | requests/s | errors |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {count} | {load.p50_ms:.3f} | {load.p99_ms:.2f} | "
        f"{load.rps:,.0f} | {load.errors} |"
        for name, count, load in rows
    ]
    return "\n".join(lines)
