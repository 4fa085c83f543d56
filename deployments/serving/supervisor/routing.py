"""Publishes to gateways: a slot's shares, where deployments listen, valid tokens."""

import dataclasses

from deployments.serving.publishing import KEYS, Publishing, route_name
from deployments.serving.supervisor.fleet import Fleet
from deployments.serving.terms import LimitedKey, Route, TokenAccess


def publish_route(publisher: Publishing, route: Route) -> None:
    """Publish the slot's shares; without any, remove its entry."""
    name = route_name(route.environment, route.model_name)
    if not route.entries:
        publisher.drop(name)
        return
    publisher.put(
        name,
        {
            "environment": route.environment,
            "model": route.model_name,
            "entries": [
                {
                    "deployment_id": entry.deployment_id,
                    "version": entry.model_version,
                    "weight": entry.weight,
                    "shadow": entry.is_shadow,
                    "sticky_by": entry.sticky_by,
                    "limits": dataclasses.asdict(entry.limits),
                }
                for entry in route.entries
            ],
            "keys": sorted(route.key_digests),
            "key_limits": {key.digest: _limits(key) for key in route.limited_keys},
            "sample_rate": route.sample_rate,
        },
    )


def publish_backend(publisher: Publishing, fleet: Fleet) -> None:
    """Publish what serves for a deployment; where nothing does, remove its entry."""
    name, serving = f"backends/{fleet.deployment_id}", fleet.serving()
    if not serving:
        publisher.drop(name)
        return
    publisher.put(
        name,
        {
            "deployment_id": fleet.deployment_id,
            "version": serving[-1].version,
            "sockets": [str(each.socket_path) for each in serving],
        },
    )


def publish_access(publisher: Publishing, access: TokenAccess) -> None:
    publisher.put(
        KEYS,
        {
            "open": access.is_open,
            "digests": sorted(access.digests),
            "readers": sorted(access.readers),
        },
    )


def _limits(key: LimitedKey) -> dict[str, float | int | str | None]:
    limits: dict[str, float | int | str | None] = {
        "expires_at": key.expires_at,
        "rate_per_minute": key.rate_per_minute,
        "daily_quota": key.daily_quota,
    }
    return limits | ({"deployment_id": key.deployment_id} if key.deployment_id else {})
