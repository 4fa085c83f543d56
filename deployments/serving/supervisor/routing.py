"""The files that gateways read: a slot's shares, and where deployments listen."""

from pathlib import Path
from typing import Any

import orjson

from deployments.serving.processes import write_atomically
from deployments.serving.supervisor.fleet import Fleet
from deployments.serving.supervisor.folders import Folders
from deployments.serving.terms import Route


def write_route(folders: Folders, route: Route) -> None:
    """Replace the slot's file if it says something else; no entry, no file."""
    path = folders.route(route.environment, route.model_name)
    if not route.entries:
        path.unlink(missing_ok=True)
        return
    _write_if_changed(
        path,
        {
            "environment": route.environment,
            "model": route.model_name,
            "entries": [
                {
                    "deployment_id": entry.deployment_id,
                    "version": entry.model_version,
                    "weight": entry.weight,
                    "shadow": entry.is_shadow,
                }
                for entry in route.entries
            ],
            "keys": sorted(route.key_digests),
            "sample_rate": route.sample_rate,
        },
    )


def write_backend(folders: Folders, fleet: Fleet) -> None:
    """Replace the file of what serves for a deployment; nothing serves, no file."""
    path, serving = folders.backend(fleet.deployment_id), fleet.serving()
    if not serving:
        path.unlink(missing_ok=True)
        return
    _write_if_changed(
        path,
        {
            "deployment_id": fleet.deployment_id,
            "version": serving[-1].version,
            "sockets": [str(each.socket_path) for each in serving],
        },
    )


def _write_if_changed(path: Path, value: dict[str, Any]) -> None:
    try:
        same = path.read_bytes() == orjson.dumps(value)
    except FileNotFoundError:
        same = False
    if not same:
        write_atomically(path, value)
