"""Choice of the deployment for a request; repeated when that one is gone."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.serving.gateway.request import RequestRefused, RequestTarget
from deployments.serving.gateway.routes import (
    RouteCaller,
    RoutedSlot,
    Routes,
    TrafficShare,
)


@dataclass(slots=True)
class Choice:
    """A share, and where it came from; without a target it stays what it is."""

    share: TrafficShare
    target: RequestTarget | None = None
    caller: RouteCaller | None = None

    @property
    def deployment_id(self) -> str:
        return self.share.deployment_id

    def renew(self, routes: Routes) -> None:
        """Take the slot's present share if the chosen deployment has left."""
        if self.target is None or self.deployment_id in routes.backends:
            return
        slot = slot_of(routes, self.target)
        if slot is not None and (
            share := slot.choose(self.target.version, self.caller)
        ):
            self.share = share


def slot_of(routes: Routes, target: RequestTarget) -> RoutedSlot | None:
    if target.deployment_id:
        return routes.slot_of.get(target.deployment_id)
    return routes.slots.get((target.environment, target.model))


@dataclass(frozen=True, slots=True)
class Asking:
    """Attributes of the caller that a sticky choice uses."""

    digests: tuple[str, ...]
    headers: Sequence[tuple[bytes, bytes]]


def choose(
    routes: Routes, target: RequestTarget, slot: RoutedSlot | None, caller: RouteCaller
) -> Choice:
    """Return what serves the target.

    Raises RequestRefused: 404, or 503 if it may come.
    """
    if target.deployment_id:
        backend = routes.backends.get(target.deployment_id)
        if backend is None:
            raise _absent(routes, "There is no such deployment serving here.")
        share = slot.share_of(backend.deployment_id) if slot is not None else None
        return Choice(
            share
            or TrafficShare(
                backend.deployment_id, backend.version, 100, is_shadow=False
            )
        )
    if slot is None or not slot.shares:
        message = f"No model {target.model!r} serves in {target.environment!r}."
        raise _absent(routes, message)
    share = slot.choose(target.version, caller)
    if share is None:
        message = f"Version {target.version!r} does not serve here."
        raise _absent(routes, message)
    return Choice(share, target, caller)


def not_complete() -> RequestRefused:
    """Return the refusal of a gateway that has no complete routes yet."""
    message = "This gateway has just started and does not know all models yet."
    return RequestRefused(503, message)


def _absent(routes: Routes, message: str) -> RequestRefused:
    return RequestRefused(404, message) if routes.is_complete else not_complete()
