"""Cache of routes by request head, dropped when a route changes."""

from typing import NamedTuple

from deployments.serving.gateway.access import Access
from deployments.serving.gateway.hot_requests import HotRequest
from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.routes import Backend, RoutedSlot, Routes, TrafficShare

MOST = 4096


class CachedRoute(NamedTuple):
    """A cached backend and its limits; `digest` is "" for a caller without a key."""

    slot: RoutedSlot
    share: TrafficShare
    backend: Backend
    digest: str
    most_bytes: int
    most_outstanding: int
    limit_s: float


class RouteCache:
    """Finds where a call goes by its head; the same heads come again and again."""

    def __init__(self, routes: Routes, access: Access, options: GatewayOptions) -> None:
        self._routes, self._access, self._options = routes, access, options
        self._revision = -1
        self._known: dict[HotRequest, CachedRoute] = {}

    def find(self, hot: HotRequest) -> CachedRoute | None:
        """Return where the call goes, None for the slow path."""
        if self._revision != self._routes.revision or len(self._known) > MOST:
            self._known.clear()
            self._revision = self._routes.revision
        return self._known.get(hot) or self._resolve(hot)

    def _resolve(self, hot: HotRequest) -> CachedRoute | None:
        slot = self._routes.slots.get(hot.slot_key)
        if slot is None or slot.shadows:
            return None
        digest = self._access.key_for(hot.digests, slot)
        if digest is None:
            return None
        share = slot.choose(hot.target.version, hot)
        backend = self._routes.backends.get(share.deployment_id) if share else None
        if share is None or backend is None:
            return None
        options = self._options
        route = CachedRoute(
            slot,
            share,
            backend,
            digest,
            share.max_body_bytes or options.max_body_bytes,
            share.max_concurrency or options.max_outstanding,
            share.timeout_s or options.read_s,
        )
        if len(slot.shares) == 1 and digest not in slot.key_limits:
            self._known[hot] = route
        return route
