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

from deployments.serving.gateway.client import Connection

HEAD = "Authorization: Bearer bench"
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
        _, made = await loop.create_connection(
            lambda: Connection(1 << 24), "127.0.0.1", port
        )
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            failed += (await made.exchange(wire, 30.0)).status != 200  # noqa: PLR2004
            times.append((time.perf_counter() - start) * 1000)
        made.close()
        return failed

    async def everybody() -> Load:
        times: list[float] = []
        failed = await asyncio.gather(*(ask(times) for _ in range(connections)))
        cuts = statistics.quantiles(times, n=100)
        return Load(cuts[49], cuts[98], len(times) / seconds, sum(failed))

    return uvloop.run(everybody())


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
