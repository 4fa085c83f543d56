"""Asks the real web server, and says how long it took and what CPU it cost."""

import http.client
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.mlflow.servers import Server

F = "/api/v1/features/datasets"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    path: str
    body: Mapping[str, Any] | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    etag: str
    body: bytes
    took_ms: float


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of many requests; `cpu_ms` is the server's, per request."""

    each_ms: list[float]
    cpu_ms: float

    def percentile(self, share: float) -> float:
        ordered = sorted(self.each_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Caller:
    """One kept connection to a server."""

    def __init__(self, server: Server, timeout_s: float = 300.0) -> None:
        self._server = server
        self._wire = http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=timeout_s
        )

    def ask(self, one: Ask) -> Answer:
        """Return the answer, whatever its status."""
        headers = {"Authorization": f"Bearer {self._server.token}"}
        if one.etag:
            headers["If-None-Match"] = one.etag
        body = None
        if one.body is not None:
            body = json.dumps(one.body)
            headers["Content-Type"] = "application/json"
        start = time.perf_counter()
        self._wire.request("GET" if body is None else "POST", one.path, body, headers)
        found = self._wire.getresponse()
        text = found.read()
        took_ms = (time.perf_counter() - start) * 1000
        return Answer(found.status, found.headers.get("ETag", ""), text, took_ms)

    def times(self, asks: Iterable[Ask], *, expect: int = 200) -> Times:
        """Ask one after the other. Raises RuntimeError for another status."""
        before = self._server.cpu_s()
        each = []
        for one in asks:
            answer = self.ask(one)
            if answer.status != expect:
                raise RuntimeError(f"{one.path}: {answer.status} {answer.body[:300]!r}")
            each.append(answer.took_ms)
        return Times(each, (self._server.cpu_s() - before) * 1000 / len(each))
