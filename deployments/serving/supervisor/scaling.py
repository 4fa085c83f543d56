"""Autoscaling: instances wanted, from the requests in flight at gateways."""

import math
import time
from pathlib import Path

import orjson

from deployments.serving.terms import Spec

TARGET_OUTSTANDING = 1.0
DOWN_AFTER_S = 30.0
STALE_S = 5.0
EVERY_S = 1.0


class Scaler:
    """Up at once, down after half a minute of less."""

    def __init__(self, gateways: Path) -> None:
        self._gateways = gateways
        self._read_at = 0.0
        self._outstanding: dict[str, int] = {}
        self._busy_at: dict[str, float] = {}

    def wanted(self, spec: Spec, now_wanted: int, now: float) -> int:
        """Return the number of instances, in the spec's bounds."""
        if spec.max_instances <= spec.instances:
            return spec.instances
        self._refresh(now)
        load = self._outstanding.get(spec.deployment_id, 0)
        desired = math.ceil(load / TARGET_OUTSTANDING)
        desired = min(max(desired, spec.instances), spec.max_instances)
        if desired >= now_wanted:
            self._busy_at[spec.deployment_id] = now
            return desired
        since = self._busy_at.setdefault(spec.deployment_id, now)
        return desired if now - since > DOWN_AFTER_S else now_wanted

    def _refresh(self, now: float) -> None:
        if now - self._read_at < EVERY_S:
            return
        self._read_at = now
        self._outstanding = {}
        for path in self._gateways.glob("*.json"):
            try:
                report = orjson.loads(path.read_bytes())
            except (FileNotFoundError, orjson.JSONDecodeError):
                continue
            if time.time() - report["at"] > STALE_S:
                continue
            for deployment_id, count in report["outstanding"].items():
                total = self._outstanding.get(deployment_id, 0) + count
                self._outstanding[deployment_id] = total
