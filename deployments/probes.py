"""What web knows of worker and gateways, for its readiness: state and age."""

import time
from typing import Any

import orjson
from django.conf import settings
from django.db import DatabaseError

from deployments.models.watch import Watch

GATEWAY_S = 10.0
"""A gateway's process writes every three seconds that it is there."""


def worker() -> dict[str, Any]:
    """Return when a worker last held the lease; `late` after its 15 seconds."""
    try:
        watch = Watch.read()
    except DatabaseError:
        return {"state": "unknown", "age_s": None}
    if watch.age_s is None:
        return {"state": "never seen", "age_s": None}
    state = "ok" if watch.is_kept else "late"
    return {"state": state, "age_s": round(watch.age_s, 3)}


def gateways() -> dict[str, Any]:
    """Return this data folder's gateway processes, and the age of the last sign."""
    ages = [time.time() - at for at in _signs()]
    fresh = [age for age in ages if age < GATEWAY_S]
    if not ages:
        return {"state": "none", "age_s": None, "processes": 0}
    return {
        "state": "ok" if fresh else "late",
        "age_s": round(max(min(ages), 0.0), 3),
        "processes": len(fresh),
    }


def _signs() -> list[float]:
    found = []
    for path in (settings.DATA_DIR / "run" / "gateways").glob("*.json"):
        try:
            found.append(float(orjson.loads(path.read_bytes())["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it leaves just now
    return found
