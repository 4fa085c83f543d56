"""A serving process: starting, ready, draining, ended."""

import os
import signal
import socket
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from deployments.serving import logs
from deployments.serving.oip import metadata
from deployments.serving.processes import (
    describe_end,
    discard,
    is_alive,
    private_bytes,
    send_signal,
)
from deployments.serving.supervisor.conversions import preferred
from deployments.serving.supervisor.folders import Folders
from deployments.serving.supervisor.opened import drain, finding_in, open_files
from deployments.serving.supervisor.progress import ProcessProgress
from deployments.serving.supervisor.zygote_client import ZygoteClient
from deployments.serving.terms import Spec

GRACE_S = 0.3  # longer than gateways keep what they read
DRAIN_S = 11.0  # the process gives itself 10
BACKLOG = 2048
FRESH_TIMES = 3
"""How much longer may take what a fresh interpreter does: it has to import all."""
FULL, LOOKS = 0.85, 3
"""A process seen so often with this share of its room filled is replaced."""
MIN_HEADROOM_BYTES = 16 << 20


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Instance:
    """A process of ours, or one that a supervisor before us left.

    `refusal` is why its model was not loaded, and whether it `ran_short` of memory,
    `end` how the process ended,
    `start_error` why the machine could not even begin it. One that is worn has filled
    its memory, and serves until another can take its place.
    """

    id: str
    deployment_id: str
    socket_path: Path
    since: float
    version: str = ""
    state: State = State.STARTING
    pid: int = 0
    born: int | None = None
    report: int = -1
    output: bytearray = field(default_factory=bytearray)
    generation: int = 0
    is_inherited: bool = False
    is_leaving: bool = False
    is_worn: bool = False
    progress: ProcessProgress | None = None
    loaded_bytes: int = 0
    looks_full: int = 0
    used_bytes: int = 0
    is_growing: bool = False
    signalled: bool = False
    refusal: str = ""
    ran_short: bool = False
    start_error: str = ""
    end: str = ""

    @property
    def serves(self) -> bool:
        return self.state is State.READY

    @property
    def is_outgoing(self) -> bool:
        """Whether another one takes its place as soon as that is ready."""
        return self.is_inherited or self.is_worn or self.state is State.DRAINING

    def has_filled(self, limit_bytes: int) -> bool:
        """Look at the memory; True once it was nearly full several times in a row.

        What the loaded model takes is no growth: a large one may serve.
        """
        used = private_bytes(self.pid)
        self.is_growing, self.used_bytes = used != self.used_bytes, used
        headroom = max(limit_bytes - self.loaded_bytes, MIN_HEADROOM_BYTES)
        is_full = used > self.loaded_bytes + headroom * FULL
        self.looks_full = self.looks_full + 1 if is_full else 0
        return self.looks_full >= LOOKS

    def poll(self, zygote: ZygoteClient, now: float) -> None:
        """Update from the process's state."""
        if not self.pid and self.id in zygote.started:
            self.pid, self.born = zygote.started.pop(self.id)
        self._read_report()
        if self.id in zygote.ended:
            self.end = describe_end(zygote.ended.pop(self.id))
            self.start_error = zygote.start_errors.pop(self.id, self.start_error)
            self.state = State.GONE
        elif (
            self.pid
            and not zygote.is_connected(self.generation)
            and not is_alive(self.pid, self.born)
        ):
            self.end, self.state = "gone", State.GONE
        elif self.state is State.DRAINING:
            self._push_out(now)

    def is_stuck(self, limit_s: float, now: float) -> bool:
        """Whether it should have begun to serve, and does nothing for it."""
        if self.state is not State.STARTING or self.progress is None:
            return False
        self.progress.look(self.pid, now)
        return self.progress.idle_s(now) > limit_s

    def is_starved(self, now: float) -> bool:
        """Whether it would serve, were the machine not busy."""
        return (
            self.state is State.STARTING
            and self.progress is not None
            and self.progress.is_starved(now)
        )

    def leave(self, now: float) -> None:
        """Begin to drain: gateways forget it, then it ends what it has begun."""
        if self.state in (State.STARTING, State.READY):
            self.state, self.since, self.is_leaving = State.DRAINING, now, True

    def wait_to_leave(self, now: float) -> None:
        """Serve on for a moment: gateways may not know yet that it drains."""
        if self.state is State.DRAINING and not self.signalled:
            self.since = now

    def kill(self) -> None:
        if self.pid:
            send_signal(self.pid, self.born, signal.SIGKILL)

    def clear(self, folders: Folders) -> None:
        """Remove what the process leaves behind."""
        discard(self.socket_path, folders.record(self.id))
        folders.clear_sandbox_dir(self.id)
        self.close()

    def close(self) -> None:
        if self.report >= 0:
            os.close(self.report)
            self.report = -1

    def _read_report(self) -> None:
        if self.report < 0 or not drain(self.report, self.output):
            return
        self.close()
        finding = finding_in(bytes(self.output))
        self.refusal = str(finding.get("refused", ""))
        self.ran_short = "out_of_memory" in finding
        self.start_error = str(finding.get("transient", ""))
        if finding.get("ready") and self.state is State.STARTING:
            # Before the first request can come: what it leaves behind is growth.
            self.loaded_bytes = private_bytes(self.pid)
            self.state = State.READY

    def _push_out(self, now: float) -> None:
        if now - self.since > DRAIN_S:
            self.kill()
        elif now - self.since > GRACE_S and self.pid and not self.signalled:
            self.signalled = True
            send_signal(self.pid, self.born, signal.SIGTERM)


@dataclass(slots=True)
class _Files:
    """Descriptors to hand over; ours are closed afterwards."""

    open: dict[str, int] = field(default_factory=dict)

    def close(self) -> None:
        for descriptor in self.open.values():
            os.close(descriptor)


def begin(spec: Spec, folders: Folders, zygote: ZygoteClient, now: float) -> Instance:
    """Start a process that serves the spec. Raises TargetRefused or OSError."""
    spec = preferred(spec, folders)
    instance_id = uuid.uuid4().hex
    path = folders.socket(instance_id)
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(ours, False)
    files = _Files({"report": theirs})
    try:
        files.open.update(open_files(spec))
        files.open["log"] = logs.open_for_append(folders.log(spec.deployment_id))
        files.open["listener"] = _listen(path)
        zygote.fork(_message(spec, instance_id, path, folders), files.open)
    except BaseException:
        os.close(ours)
        path.unlink(missing_ok=True)
        raise
    finally:
        files.close()
    return Instance(
        instance_id,
        spec.deployment_id,
        path,
        now,
        spec.model_version,
        report=ours,
        generation=zygote.generation,
        progress=ProcessProgress(now),
    )


def _listen(path: Path) -> int:
    """Return a bound socket: the process needs no right to any folder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
        return listener.detach()


def _message(
    spec: Spec, instance_id: str, path: Path, folders: Folders
) -> dict[str, Any]:
    return {
        "id": instance_id,
        "run": "serve",
        "record_path": os.fspath(folders.record(instance_id)),
        "record": {
            "id": instance_id,
            "deployment_id": spec.deployment_id,
            "socket": os.fspath(path),
            "version": spec.model_version,
        },
        "job": serving_job(spec, folders, instance_id),
    }


def serving_job(spec: Spec, folders: Folders, process_id: str) -> dict[str, Any]:
    """Return what serving the spec's model takes."""
    return {
        **job(spec, folders, process_id),
        "model_name": spec.model_name,
        "model_version": spec.model_version,
        "max_body_bytes": spec.max_body_bytes,
        "predict_limit_s": spec.predict_limit_s,
        "before": metadata.as_json(spec.before) if spec.before else None,
    }


def job(spec: Spec, folders: Folders, process_id: str) -> dict[str, Any]:
    """Return what loading the spec's model takes."""
    return {
        "empty": os.fspath(folders.empty),
        "environment": spec.environment,
        "interpreter": spec.interpreter,
        "sandbox_dir": os.fspath(folders.sandbox_dir(process_id)),
        "sha256": spec.file.sha256,
        "data_bytes": spec.file.data_bytes,
        "cpus": spec.cpus,
        "memory_bytes": spec.memory_bytes,
        "allows_code": spec.allows_code,
        "converts": spec.converts,
        "reading": spec.reading,
        "feature_names": list(spec.file.feature_names),
    }
