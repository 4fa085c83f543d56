"""Where requests go: the route files, as the gateway last saw them."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deployments.serving.gateway.client import Instance
from deployments.serving.gateway.files import Watched

FRESH_S = 0.1


@dataclass(slots=True)
class Backend:
    """One deployment and the instances that serve it."""

    deployment_id: str
    version: str
    instances: list[Instance]

    def least_busy(self) -> Instance | None:
        """Return the instance with the fewest requests, None if all are down."""
        now, instances = time.monotonic(), self.instances
        if len(instances) == 1:
            return instances[0] if instances[0].down_until <= now else None
        up = [each for each in instances if each.down_until <= now]
        return min(up, key=_outstanding) if up else None


@dataclass(slots=True)
class Share:
    """A deployment's part of a slot's traffic."""

    deployment_id: str
    version: str
    weight: int
    is_shadow: bool
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


@dataclass(slots=True)
class Slot:
    """One model in one environment."""

    environment: str
    model: str
    shares: list[Share] = field(default_factory=list)
    shadows: list[Share] = field(default_factory=list)
    keys: frozenset[str] = frozenset()
    sample_rate: float = 0.0

    def choose(self, version: str | None = None) -> Share | None:
        """Return a share by weight; with `version`, only among those that serve it."""
        shares = self.shares
        if version is not None:
            shares = [each for each in shares if each.version == version]
        if len(shares) <= 1:
            return shares[0] if shares else None
        return random.choices(shares, [each.weight for each in shares])[0]  # noqa: S311


class Routes:
    """Reads the files at most every 100 ms, and only what changed."""

    def __init__(self, run: Path) -> None:
        self._routes = Watched(run / "routes")
        self._backends = Watched(run / "backends")
        self._keys = Watched(run / "keys.json")
        self._instances: dict[str, Instance] = {}
        self._read_at = 0.0
        self.slots: dict[tuple[str, str], Slot] = {}
        self.backends: dict[str, Backend] = {}
        self.slot_of: dict[str, Slot] = {}
        self.keys: frozenset[str] = frozenset()
        self.is_open = False

    def refresh(self, *, at_once: bool = False) -> None:
        """Take in what changed. Routes come before what they name."""
        now = time.monotonic()
        if now - self._read_at < FRESH_S and not at_once:
            return
        self._read_at = now
        if self._keys.changed():
            found = self._keys.content.get("keys.json", {})
            self.keys = frozenset(found.get("digests", ()))
            self.is_open = bool(found.get("open", False))
        routes_changed = self._routes.changed()
        if self._backends.changed():
            self._take_backends()
        if routes_changed:
            self._take_routes()

    def close(self) -> None:
        for each in self._instances.values():
            each.close()

    def _take_routes(self) -> None:
        slots = [_slot(content) for content in self._routes.content.values()]
        self.slots = {(each.environment, each.model): each for each in slots}
        self.slot_of = {
            share.deployment_id: slot
            for slot in slots
            for share in (*slot.shares, *slot.shadows)
        }

    def _take_backends(self) -> None:
        known, self._instances = self._instances, {}
        self.backends = {}
        for content in self._backends.content.values():
            instances = []
            for path in content["sockets"]:
                each = known.pop(path, None) or Instance(path)
                self._instances[path] = each
                instances.append(each)
            backend = Backend(content["deployment_id"], content["version"], instances)
            self.backends[backend.deployment_id] = backend
        for gone in known.values():
            gone.close()


def _slot(content: dict[str, Any]) -> Slot:
    slot = Slot(
        content["environment"],
        content["model"],
        keys=frozenset(content["keys"]),
        sample_rate=float(content.get("sample_rate", 0.0)),
    )
    for entry in content["entries"]:
        share = Share(
            entry["deployment_id"], entry["version"], entry["weight"], entry["shadow"]
        )
        if share.is_shadow:
            slot.shadows.append(share)
        elif share.weight > 0:
            slot.shares.append(share)
    return slot


def _outstanding(instance: Instance) -> int:
    return instance.outstanding
