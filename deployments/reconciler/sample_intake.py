"""Turns spooled requests into the files of `deployments.samples`, and prunes them.

The file of a period is made anew from its whole spool while that grows, and for
the last time when the period is over, so that nothing is lost or doubled whoever is
killed in between.
"""

import base64
import fcntl
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import orjson

from deployments import samples
from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler.signature import inputs_of
from deployments.serving.gateway.sampler import PERIOD_S
from deployments.serving.oip.errors import BadRequest
from mlops.core.blobs import Blob
from mlops.core.byte_store import byte_store
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from deployments.reconciler import sample_rows
else:
    sample_rows = lazy_import("deployments.reconciler.sample_rows")
    np = lazy_import("numpy")
    pa = lazy_import("pyarrow")

logger = logging.getLogger(__name__)

CLOSED_AFTER_S = 10
DAY_S, MB = 86_400, 1 << 20
Entry: TypeAlias = "tuple[float, sample_rows.Columns]"
Request = tuple[float, str, bytes | None]  # when, its JSON, its binary tensors


@dataclass(slots=True)
class Intake:
    """Reads the spool again and again; `sizes` is how much of each file was read."""

    sizes: dict[str, int] = field(default_factory=dict)

    def ingest(self, now: float | None = None) -> int:
        """Store what is new in the spool; return how many files had something new.

        Files of periods that are over are deleted then. One process does it at a
        time; another one does nothing.
        """
        now = time.time() if now is None else now
        with _alone() as is_alone:
            if not is_alone:
                return 0
            files = sorted(samples.spool().glob("*.jsonl"))
            self.sizes = {path.name: self.sizes.get(path.name, 0) for path in files}
            return sum(self._ingest(path, now) for path in files)

    def _ingest(self, path: Path, now: float) -> bool:
        gateway, _, starts_at = path.stem.rpartition("-")
        if not (path.stem.isascii() and gateway.isalnum() and starts_at.isdigit()):
            return False
        is_over = int(starts_at) + PERIOD_S + CLOSED_AFTER_S < now
        size = path.stat().st_size
        is_new = size > self.sizes[path.name]
        if is_new:
            for deployment_id, rows in _tables(path.read_bytes()):
                samples.store(deployment_id, rows, f"{starts_at}-{gateway}")
            self.sizes[path.name] = size
        if is_over:
            path.unlink(missing_ok=True)
        return is_new


def prune(now: float | None = None) -> int:
    """Delete files that are too old, and the oldest of what is too much.

    Returns how many went. The environment's rule says what that is; of a
    deployment that is no more everything goes.
    """
    now = time.time() if now is None else now
    rules = {rule.environment: rule for rule in EnvironmentRule.objects.all()}
    files = samples.by_deployment()
    known = Deployment.objects.filter(pk__in=files)
    gone = 0
    for pk, environment in known.values_list("pk", "slot__environment"):
        rule = EnvironmentRule.among(rules, environment)
        gone += _prune(files.pop(pk), rule, now)
    for pk in files:
        byte_store().delete_below(samples.prefix_of(pk))
    return gone


def _prune(files: list[Blob], rule: EnvironmentRule, now: float) -> int:
    too_much = sum(blob.size_bytes for blob in files) - rule.sample_max_mb * MB
    oldest, gone = now - rule.sample_days * DAY_S, 0
    for blob in sorted(files, key=lambda one: samples.starts_at(one.key)):
        if too_much <= 0 and samples.starts_at(blob.key) + PERIOD_S >= oldest:
            break
        too_much -= blob.size_bytes
        byte_store().delete(blob.key)
        gone += 1
    return gone


@contextmanager
def _alone() -> Iterator[bool]:
    """Try to lock the spool; yield whether that succeeded."""
    samples.root().mkdir(mode=0o700, parents=True, exist_ok=True)
    with (samples.root() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _tables(spooled: bytes) -> "Iterator[tuple[UUID, pa.Table]]":
    """Yield each deployment's rows. A last line that is not whole yet is left."""
    whole, _, _ = spooled.rpartition(b"\n")
    bodies: dict[UUID, list[Request]] = defaultdict(list)
    for line in whole.split(b"\n"):
        try:
            entry = orjson.loads(line)
            bodies[UUID(entry["deployment"])].append(_request(entry))
        except (ValueError, KeyError, TypeError):
            continue  # a disk that was full cut it
    signatures = Deployment.objects.filter(pk__in=bodies).values_list("pk", "signature")
    for deployment_id, signature in signatures:
        if (rows := _table(bodies[deployment_id], signature)) is not None:
            yield deployment_id, rows


def _request(entry: dict[str, Any]) -> Request:
    tensors = entry.get("tensors")
    binary = None if tensors is None else base64.b64decode(tensors)
    return entry["at"], entry["body"], binary


def _table(bodies: list[Request], signature: Mapping[str, Any]) -> "pa.Table | None":
    """Return the rows of all requests, None if no request makes any."""
    inputs, names = inputs_of(signature), signature.get("feature_names", ())
    entries: list[Entry] = []
    for at, text, binary in bodies:
        try:
            found = sample_rows.columns(text, inputs, names, binary)
        except BadRequest as error:
            logger.debug("a sampled request makes no row: %s", error)
            continue
        # A wide input of any width has columns of their own each time.
        if found and (not entries or found.keys() == entries[0][1].keys()):
            entries.append((at, found))
    return _joined(entries) if entries else None


def _joined(entries: list[Entry]) -> "pa.Table":
    names = list(entries[0][1])
    joined = {
        name: sample_rows.as_arrow(
            np.concatenate([found[name] for _, found in entries])
        )
        for name in names
    }
    times = [
        int(at * 1000) for at, found in entries for _ in range(len(found[names[0]]))
    ]
    joined[samples.SAMPLED_AT] = pa.array(times, pa.timestamp("ms", "UTC"))
    return pa.table(joined)
