"""Endpoints that the gateway answers itself: readiness, index, statistics.

The index and the statistics are Triton's extensions of the protocol, for reading:
extension_model_repository.md and extension_statistics.md of
https://github.com/triton-inference-server/server, docs/protocol.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from deployments.serving.gateway.client import (
    BadAnswer,
    BrokeOff,
    CannotConnect,
    ClosedEarly,
    Upstream,
    UpstreamAnswer,
)
from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.request import (
    Headers,
    RequestRefused,
    RequestTarget,
    wire_head,
)
from deployments.serving.gateway.routes import RoutedSlot, Routes, TrafficShare

INDEX = b"/v2/repository/index"
MOST_MODEL_BYTES = 1 << 20
OK = 200
READS = ("GET", "HEAD")
_NO_ANSWER = (CannotConnect, ClosedEarly, BrokeOff, BadAnswer, TimeoutError)


def readiness(*, is_complete: bool) -> tuple[int, bytes]:
    """Return status and body: fit once a worker has said that all routes are there.

    Until then a slot that is not known may be there all the same: calls get 503.
    """
    checks = {"routes": "ok" if is_complete else "not published"}
    status = "ok" if is_complete else "unavailable"
    body = orjson.dumps({"status": status, "checks": checks})
    return (200 if is_complete else 503), body


class About:
    def __init__(self, routes: Routes, options: GatewayOptions) -> None:
        self._routes, self._options = routes, options

    async def probe(
        self, target: RequestTarget, shares: Sequence[TrafficShare]
    ) -> bytes | None:
        """Return what an instance says of its health, None unless it is well.

        Nothing is waited for that is not there: how long the answer takes must not
        tell what is missing from what is not ready.
        """
        for share in shares:
            backend = self._routes.backends.get(share.deployment_id)
            instance = backend.least_busy() if backend is not None else None
            found = await self._read(instance, target.rest) if instance else None
            if found is not None and found.status == OK:
                return found.body
        return None

    def index(
        self, slot: RoutedSlot, shares: Sequence[TrafficShare], body: bytes
    ) -> bytes:
        """Return the versions that serve. Raises RequestRefused."""
        only_ready = _only_ready(body)
        entries = [
            {
                "name": slot.model,
                "version": share.version,
                "state": "READY" if self._is_ready(share) else "UNAVAILABLE",
                "reason": "",
            }
            for share in shares
        ]
        ready = [each for each in entries if each["state"] == "READY"]
        return orjson.dumps(ready if only_ready else entries)

    async def statistics(
        self, slot: RoutedSlot, shares: Sequence[TrafficShare]
    ) -> bytes:
        """Return what the instances that run now have counted, by version."""
        stats = [await self._stats_of(slot, share) for share in shares]
        return orjson.dumps({"model_stats": stats})

    def _is_ready(self, share: TrafficShare) -> bool:
        backend = self._routes.backends.get(share.deployment_id)
        return backend is not None and backend.least_busy() is not None

    async def _stats_of(self, slot: RoutedSlot, share: TrafficShare) -> dict[str, Any]:
        backend = self._routes.backends.get(share.deployment_id)
        instances = backend.instances if backend is not None else []
        reads = [self._read(each, b"/v2/models/stats") for each in instances]
        answers = await asyncio.gather(*reads)
        found = [orjson.loads(each.body) for each in answers if each is not None]
        total: dict[str, Any] = found[0] if found else {}
        for other in found[1:]:
            total = _sum(total, other)
        return {"name": slot.model, "version": share.version, **total}

    async def _read(self, instance: Upstream, path: bytes) -> UpstreamAnswer | None:
        """Return an instance's answer to a GET, None if there is none soon."""
        try:
            return await instance.exchange(
                wire_head(b"GET", path, (), 0) + b"\r\n",
                connect_s=self._options.connect_s,
                read_s=self._options.connect_s,
                max_bytes=MOST_MODEL_BYTES,
            )
        except _NO_ANSWER:
            return None


def is_probe(target: RequestTarget) -> bool:
    """Whether the path is of liveness or readiness, which needs no key."""
    parts = target.rest.split(b"/")[1:]
    if parts[:2] == [b"v2", b"health"]:
        return parts[2:] in ([b"live"], [b"ready"])
    return parts[:2] == [b"v2", b"models"] and parts[-1] == b"ready" and len(parts) > 3  # noqa: PLR2004 - after the model's name


def is_statistics(target: RequestTarget, model: str) -> bool:
    """Whether the path is of statistics: of the model, one version, or all."""
    parts = [unquote(part.decode("latin-1")) for part in target.rest.split(b"/")[1:]]
    if parts[:2] != ["v2", "models"] or parts[-1] != "stats":
        return False
    named = parts[2:-1]
    return named in ([], [model], [model, "versions", target.version])


def allow(methods: Sequence[str]) -> Headers:
    """Return the `Allow` header of these methods, with OPTIONS."""
    return [(b"allow", ", ".join((*methods, "OPTIONS")).encode())]


def only(methods: Sequence[str]) -> RequestRefused:
    """Return the refusal of another method than these."""
    return RequestRefused(405, f"Use {' or '.join(methods)}.", allow(methods))


def allowed(target: RequestTarget) -> tuple[str, ...]:
    """Return the methods of a path but OPTIONS, none where there is nothing."""
    if target.rest == b"/":
        return ("GET", "HEAD", "POST")
    if target.is_infer:
        return ("POST",)
    if target.rest == INDEX:
        return ("GET", "HEAD", "POST")
    return READS if _is_read(target) else ()


def _is_read(target: RequestTarget) -> bool:
    match [unquote(part.decode("latin-1")) for part in target.rest.split(b"/")[1:]]:
        case ["v2"] | ["v2", "health", "live" | "ready"]:
            return True
        case ["v2", "models", _, "versions", _, *rest] | ["v2", "models", _, *rest]:
            return rest in ([], ["ready"], ["stats"])
    return False


def _only_ready(body: bytes) -> bool:
    try:
        parsed = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        raise RequestRefused(400, "The body is not JSON.") from None
    value = parsed.get("ready", False) if isinstance(parsed, dict) else None
    if not isinstance(value, bool):
        raise RequestRefused(400, 'The body may be {"ready": true}.')
    return value


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return counts added up; of times in milliseconds the later one."""
    return {
        name: _sum(value, other[name])
        if isinstance(value, dict)
        else max(value, other[name])
        if name == "last_inference"
        else value + other[name]
        for name, value in one.items()
    }
