"""Routing table, as last published to this gateway."""

import hashlib
import math
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from deployments.serving.gateway.client import Upstream
from deployments.serving.gateway.files import StateFiles
from deployments.serving.gateway.subscription import Subscription
from deployments.serving.gateway.usage import KeyLimit
from deployments.serving.publishing import KEYS, route_name

FULL = 100
FRESH_S = 0.1
"""How often messages are looked for beside the event loop, which a load holds up."""


class RouteCaller(Protocol):
    """Identity of a caller: digests of keys, headers with names in lower case."""

    @property
    def digests(self) -> tuple[str, ...]: ...
    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...


@dataclass(slots=True)
class Backend:
    """One deployment and the instances that serve it."""

    deployment_id: str
    version: str
    instances: list[Upstream]

    def least_busy(self) -> Upstream | None:
        """Return the instance with the fewest requests, None if all are down."""
        now, instances = time.monotonic(), self.instances
        if len(instances) == 1:
            return instances[0] if instances[0].down_until <= now else None
        up = [each for each in instances if each.down_until <= now]
        return min(up, key=_outstanding) if up else None


@dataclass(slots=True)
class TrafficShare:
    """A deployment's part of a slot's traffic; None is the gateway's own limit.

    `sticky_by` is "key", or a header's name and a colon, where callers keep theirs.
    """

    deployment_id: str
    version: str
    weight: int
    is_shadow: bool
    sticky_by: str = ""
    timeout_s: int | None = None
    max_concurrency: int | None = None
    max_body_bytes: int | None = None
    headers: list[tuple[bytes, bytes]] = field(init=False)
    head: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Render what every answer of it says, as pairs and as lines."""
        version = quote(self.version, safe="")
        self.headers = [
            (b"x-deployment-id", self.deployment_id.encode()),
            (b"x-model-version", version.encode()),
        ]
        self.head = b"".join(b"%b: %b\r\n" % pair for pair in self.headers)

    def point_of(self, caller: RouteCaller) -> float | None:
        """Return where a caller stands in [0, 100), always the same; None of nobody."""
        if self.sticky_by == "key":
            found = caller.digests[0].encode() if caller.digests else b""
        else:
            name = self.sticky_by.removesuffix(":").encode()
            found = next((value for key, value in caller.headers if key == name), b"")
        if not found:
            return None
        salt = hashlib.blake2b(self.deployment_id.encode() + b"\0" + found).digest()
        return int.from_bytes(salt[:6]) / (1 << 48) * FULL


@dataclass(slots=True)
class RoutedSlot:
    """One model in one environment."""

    environment: str
    model: str
    shares: list[TrafficShare] = field(default_factory=list)
    shadows: list[TrafficShare] = field(default_factory=list)
    keys: frozenset[str] = frozenset()
    key_limits: dict[str, KeyLimit] = field(default_factory=dict)
    sample_rate: float = 0.0

    def choose(
        self, version: str | None = None, caller: RouteCaller | None = None
    ) -> TrafficShare | None:
        """Return a share by weight; with `version`, only among those that serve it.

        Where the newest one is sticky, a caller's own point decides. The newest takes
        the points from 0 on, so that who has it keeps it as its share grows.
        """
        shares = self.shares
        if version is not None:
            shares = [each for each in shares if each.version == version]
        if len(shares) <= 1:
            return shares[0] if shares else None
        newest = shares[-1]
        point = newest.point_of(caller) if newest.sticky_by and caller else None
        if point is not None:
            return newest if point < newest.weight else _at(shares[:-1], point)
        return random.choices(shares, [each.weight for each in shares])[0]  # noqa: S311

    def opens(self, digest: str, deployment_id: str = "") -> bool:
        """Whether the digest is of a key of this slot that has not expired.

        A key of one deployment is valid for that `deployment_id` alone.
        """
        if digest not in self.keys:
            return False
        limit = self.key_limits.get(digest)
        return limit is None or limit.opens(deployment_id)

    def share_of(self, deployment_id: str) -> TrafficShare | None:
        for each in (*self.shares, *self.shadows):
            if each.deployment_id == deployment_id:
                return each
        return None


def _at(shares: list[TrafficShare], point: float) -> TrafficShare:
    """Return one of the others for a point; there is one but in odd routes."""
    return shares[int(point * len(shares) / FULL)]


class Routes:
    """Published slots, backends and tokens, applied one message at a time.

    A change costs what it names, however many slots there are. Until a supervisor has
    said so (`is_complete`), there may be slots that are not published yet.
    """

    def __init__(self, run: Path, gateway_id: str) -> None:
        self._files = StateFiles(run)
        self._subscription = Subscription(
            run / "gateways", gateway_id, self._take, self._act
        )
        self._backlog: deque[Iterator[None]] = deque()
        self._instances: dict[str, Upstream] = {}
        self._of_file: dict[str, RoutedSlot | Backend] = {}
        self._looked_at = 0.0
        self.slots: dict[tuple[str, str], RoutedSlot] = {}
        self.backends: dict[str, Backend] = {}
        self.slot_of: dict[str, RoutedSlot] = {}
        self.keys: frozenset[str] = frozenset()
        self.is_open = False
        self.readers: frozenset[str] = frozenset()
        self.is_complete = False
        self.revision = 0

    def open(self) -> None:
        """Listen for changes, then read what there is: nothing falls in between."""
        self._subscription.open()
        for _ in self._reading_all():
            pass

    def refresh(
        self, slot_key: tuple[str, str] | None = None, *, at_once: bool = False
    ) -> None:
        """Apply what was published. The loop does so as well, unless it was held up.

        Where that takes long, what was published of keys and of the slot `place`,
        environment and model, is applied at once all the same.
        """
        now = time.monotonic()
        if now - self._looked_at >= FRESH_S or at_once:
            self._looked_at = now
            self._subscription.drain()
        if self._backlog:
            self._read(KEYS)
            if slot_key is not None:
                self._read_slot(*slot_key)

    def finish(self) -> None:
        """Apply all that was published, however long it takes."""
        self._subscription.go_on(math.inf)

    def close(self) -> None:
        self._subscription.close()
        for each in self._instances.values():
            each.close()

    def _take(self, message: dict[str, Any]) -> None:
        self._backlog.append(self._acting_by(message))

    def _act(self, limit_s: float) -> bool:
        """Apply messages for so long; return whether that is all."""
        until = time.monotonic() + limit_s
        while self._backlog:
            for _ in self._backlog[0]:
                if time.monotonic() >= until:
                    return False
            self._backlog.popleft()
        return True

    def _acting_by(self, message: dict[str, Any]) -> Iterator[None]:
        """Apply a message, a piece for each step."""
        if message.get("all"):
            yield from self._reading_all()
        for name in message.get("names", ()):
            self._read(name)
            yield
        if message["complete"]:
            self.is_complete = True

    def _reading_all(self) -> Iterator[None]:
        """Read what changed in all files. Backends come before what names them."""
        changed: list[str] = []
        yield from self._files.changed(changed)
        for name in sorted(changed):
            self._read(name)
            yield

    def _read_slot(self, environment: str, model: str) -> None:
        """Read one slot's entry; of a deployment alone there is no more to read."""
        if not environment:
            self.finish()
            return
        self._read(route_name(environment, model))
        if (slot := self.slots.get((environment, model))) is not None:
            for share in (*slot.shares, *slot.shadows):
                self._read(f"backends/{share.deployment_id}")

    def _read(self, name: str) -> None:
        self.revision += 1
        content = self._files.read(name)
        kind = name.partition("/")[0]
        if kind == "routes":
            self._take_route(name, content)
        elif kind == "backends":
            self._take_backend(name, content)
        elif name == KEYS:
            self.keys = frozenset((content or {}).get("digests", ()))
            self.is_open = bool((content or {}).get("open", False))
            self.readers = frozenset((content or {}).get("readers", ()))

    def _take_route(self, name: str, content: dict[str, Any] | None) -> None:
        gone = self._of_file.pop(name, None)
        if isinstance(gone, RoutedSlot):
            self.slots.pop((gone.environment, gone.model), None)
            for share in (*gone.shares, *gone.shadows):
                if self.slot_of.get(share.deployment_id) is gone:
                    del self.slot_of[share.deployment_id]
        if content is None:
            return
        slot = self._of_file[name] = _slot(content)
        self.slots[slot.environment, slot.model] = slot
        for share in (*slot.shares, *slot.shadows):
            self.slot_of[share.deployment_id] = slot

    def _take_backend(self, name: str, content: dict[str, Any] | None) -> None:
        """Take in who serves for a deployment; kept instances keep connections."""
        gone = self._of_file.pop(name, None)
        leaving = gone.instances if isinstance(gone, Backend) else []
        paths = content["sockets"] if content is not None else []
        for each in leaving:
            if each.path not in paths:
                self._instances.pop(each.path, None)
                each.close()
        if isinstance(gone, Backend):
            self.backends.pop(gone.deployment_id, None)
        if content is None:
            return
        known = self._instances
        found = [known.get(path) or Upstream(path) for path in paths]
        known.update(zip(paths, found, strict=True))
        backend = Backend(content["deployment_id"], content["version"], found)
        self._of_file[name] = self.backends[backend.deployment_id] = backend


def _slot(content: dict[str, Any]) -> RoutedSlot:
    slot = RoutedSlot(
        content["environment"],
        content["model"],
        keys=frozenset(content["keys"]),
        key_limits={
            digest: KeyLimit.of(each)
            for digest, each in content.get("key_limits", {}).items()
        },
        sample_rate=float(content.get("sample_rate", 0.0)),
    )
    for entry in content["entries"]:
        share = TrafficShare(
            entry["deployment_id"],
            entry["version"],
            entry["weight"],
            entry["shadow"],
            entry.get("sticky_by", ""),
            **entry.get("limits", {}),
        )
        if share.is_shadow:
            slot.shadows.append(share)
        elif share.weight > 0:
            slot.shares.append(share)
    return slot


def _outstanding(instance: Upstream) -> int:
    return instance.outstanding
