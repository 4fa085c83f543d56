"""Access control: keys, rate limits, and readers of the gateway's metrics."""

from typing import Any

from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.request import RequestRefused, key_digests
from deployments.serving.gateway.routes import RoutedSlot, Routes
from deployments.serving.gateway.usage import Usage

LOOPBACK = frozenset({"127.0.0.1", "::1"})
FORWARDED = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"}
)
OVER_LIMIT = "This key has no more calls for now; Retry-After says when it has."
NEEDS_READING = "Send a token that may read, as a bearer token."
Digests = tuple[str, ...]


class Access:
    def __init__(self, routes: Routes, options: GatewayOptions, usage: Usage) -> None:
        self._routes, self._options, self._usage = routes, options, usage

    def may_enter(
        self, digests: Digests, slot: RoutedSlot | None, deployment_id: str = ""
    ) -> bool:
        """Whether one of the keys is valid for the slot, or the slot needs none.

        `deployment_id` is set where one deployment is asked by its own address.
        """
        routes = self._routes
        if routes.is_open or not self._options.needs_key:
            return True
        return any(
            each in routes.keys
            or (slot is not None and slot.opens(each, deployment_id))
            for each in digests
        )

    def key_for(self, digests: Digests, slot: RoutedSlot) -> str | None:
        """Return the slot's key that opens it now, "" where another does or none need.

        None is for a closer look: the caller may not enter, or has to wait.
        """
        if len(digests) == 1 and digests[0] in slot.keys:
            digest = digests[0]
            limit = slot.key_limits.get(digest)
            if limit is None:
                return digest
            is_shut = not limit.opens("") or self._usage.wait_s(digest, limit)
            return None if is_shut else digest
        return "" if self.may_enter(digests, slot) else None

    def wait_s(self, digests: Digests, slot: RoutedSlot) -> int:
        """Return after how many seconds the next call may come, 0 for now."""
        if not slot.key_limits:
            return 0
        limit = slot.key_limits.get(_own_key(digests, slot))
        return self._usage.wait_s(_own_key(digests, slot), limit) if limit else 0

    def count(self, digest: str) -> None:
        """Count an infer call by the slot's key, if it was one that opened it."""
        if digest:
            self._usage.count(digest)

    def admit(self, digests: Digests, slot: RoutedSlot) -> None:
        """Count an infer call by its key. Raises RequestRefused: 429."""
        if wait_s := self.wait_s(digests, slot):
            self._usage.refuse(_own_key(digests, slot))
            raise RequestRefused(429, OVER_LIMIT, [(b"retry-after", b"%d" % wait_s)])
        self.count(_own_key(digests, slot))

    def require_reading(self, scope: dict[str, Any]) -> None:
        """Require a valid token, or a request from this machine.

        Not who came through a proxy: that is on the machine for everybody. Raises
        RequestRefused: 401.
        """
        routes, headers = self._routes, scope["headers"]
        routes.refresh()
        digests = key_digests(headers)
        client = (scope["client"] or ("",))[0].removeprefix("::ffff:")
        is_local = client in LOOPBACK and not self._options.behind_proxy
        is_forwarded = any(name in FORWARDED for name, _ in headers)
        if not (
            routes.is_open
            or not self._options.needs_key
            or any(each in routes.readers for each in digests)
            or (is_local and not is_forwarded)
        ):
            raise RequestRefused(401, NEEDS_READING)


def _own_key(digests: Digests, slot: RoutedSlot) -> str:
    """Return the digest of the slot's key that is shown, "" of other callers."""
    return next((each for each in digests if each in slot.keys), "")
