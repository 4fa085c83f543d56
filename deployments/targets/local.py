"""The local target: what the reconciler calls, and the thread that supervises."""

import contextlib
import logging
import os
import select
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from deployments.serving import logs
from deployments.serving.publishing import FilePublisher, Publishing
from deployments.serving.supervisor import adoption, examination, routing, scaling
from deployments.serving.supervisor.conversions import preferred
from deployments.serving.supervisor.examination import Examination, RetryExamination
from deployments.serving.supervisor.fleet import Fleet
from deployments.serving.supervisor.folders import Folders
from deployments.serving.supervisor.zygote_client import ZygoteClient
from deployments.serving.terms import (
    Phase,
    ReadingComparison,
    Route,
    Spec,
    TargetBusy,
    TargetObservation,
    TargetRefused,
    TokenAccess,
    TransientTargetError,
    Validation,
)
from deployments.serving.waking import WakeClient, Waker
from deployments.targets.base import Capabilities
from mlops.core.blobs import ByteStore
from mlops.sandbox import isolation

logger = logging.getLogger(__name__)

BEAT_S, GROWING_S, REST_S = 0.1, 0.2, 1.0
"""How often is looked while something comes or goes, while a process takes memory, and
while nothing does; what ends or reports is heard at once."""
TIDY_S = 5.0
DRAIN_ALL_S = 15.0
SAY_AFTER_S = 5.0
COMPARES = "compare "
"""Before the id of a deployment, the name of an examination that compares."""


class LocalTarget:
    """Serves from processes of this machine.

    The first call that changes something takes the run folder over: whoever supervised
    it before notices and lets go, and what runs is replaced without a gap. A
    `publisher` sends changes to gateways, a `waker` wakes the worker when what runs
    changes; converted models are kept in a `store`, the data folder unless another is
    given. Safe to call from several threads.
    """

    name = "local"

    def __init__(
        self,
        data_dir: Path,
        publisher: Publishing | None = None,
        waker: Waker | None = None,
        store: ByteStore | None = None,
    ) -> None:
        self._data_dir, self._store = data_dir, store
        self._folders = Folders(data_dir, store)
        self._publisher = publisher or FilePublisher(self._folders.run)
        self._waker = waker or WakeClient(self._folders.run / "wake.sock")
        self._zygote = ZygoteClient(self._folders.log("zygote"))
        self._id = uuid.uuid4().hex
        self._lock = threading.RLock()
        self._fleets: dict[str, Fleet] = {}
        self._examinations: dict[str, Examination] = {}
        self._forgotten: list[Examination] = []
        self._waiting: dict[str, float] = {}
        self._scaler = scaling.Scaler(self._folders.gateways)
        self._owns = self._is_relieved = False
        self._watch: threading.Thread | None = None
        self._closing = threading.Event()
        self._looked_at = 0.0
        self._nudge = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(stop_all=True)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            splits_traffic=True,
            mirrors=True,
            scales=True,
            missing_walls=isolation.missing(),
        )

    def validate(self, spec: Spec) -> Validation | None:
        with self._lock:
            running = self._examined(spec.deployment_id, spec)
            if running is None:
                return None
            try:
                return running.finding(time.monotonic())
            except TargetBusy:
                raise
            except RetryExamination:
                self._examine_again(spec.deployment_id, spec)
                return None
            except TransientTargetError:
                self._forget(spec.deployment_id)
                raise

    def compare(self, spec: Spec, before: Spec) -> ReadingComparison | None:
        with self._lock:
            name = f"{COMPARES}{spec.deployment_id}"
            before = preferred(before, self._folders)
            running = self._examined(name, spec, before)
            if running is None:
                return None
            try:
                found = running.comparison(time.monotonic())
            except TargetBusy:
                raise
            except RetryExamination:
                self._examine_again(name, spec, before)
                return None
            except (TargetRefused, TransientTargetError):
                self._forget(name)
                raise
            if found is not None:
                self._forget(name)
            return found

    def _examined(
        self, name: str, spec: Spec, before: Spec | None = None
    ) -> Examination | None:
        """Return the examination of this name, begun if need be; None if it waits."""
        self._own()
        running, now = self._examinations.get(name), time.monotonic()
        if running is None or running.spec != spec:
            self._forget(name)
            if not self._may_examine(name, now):
                return None
            running = self._examine(name, spec, before)
        self._zygote.listen()
        running.poll(self._zygote, now)
        self._wake_supervisor()
        return running

    def _examine(
        self, name: str, spec: Spec, before: Spec | None = None
    ) -> Examination:
        now = time.monotonic()
        begun = examination.begin(spec, self._folders, self._zygote, now, before)
        self._examinations[name] = begun
        return begun

    def _examine_again(self, name: str, spec: Spec, before: Spec | None = None) -> None:
        self._forget(name)
        self._examine(name, spec, before).may_repeat = False

    def _may_examine(self, name: str, now: float) -> bool:
        """Whether a processor is free for one more; Busy once it waits for long."""
        under_way = sum(not each.is_over for each in self._examinations.values())
        if under_way < len(os.sched_getaffinity(0)):
            self._waiting.pop(name, None)
            return True
        if now - self._waiting.setdefault(name, now) > SAY_AFTER_S:
            raise TargetBusy("It waits until a processor is free to validate it.")
        return False

    def apply(self, spec: Spec) -> None:
        with self._lock:
            self._own()
            self._forget(spec.deployment_id)
            self._fleet(spec.deployment_id).ask(spec)
            self._step()
            self._wake_supervisor()

    def observe(self, deployment_id: str) -> TargetObservation:
        with self._lock:
            fleet = self._fleets.get(deployment_id)
            if fleet is None:
                return TargetObservation(Phase.ABSENT)
            return fleet.observe(time.monotonic())

    def route(self, route: Route) -> None:
        with self._lock:
            self._own()
            routing.publish_route(self._publisher, route)

    def admit(self, access: TokenAccess) -> None:
        with self._lock:
            self._own()
            routing.publish_access(self._publisher, access)

    def settle(self) -> None:
        self._publisher.settle()

    def complete(self) -> None:
        self._publisher.complete()

    def stop(self, deployment_id: str) -> None:
        with self._lock:
            self._own()
            for name in (deployment_id, f"{COMPARES}{deployment_id}"):
                self._forget(name)
                self._waiting.pop(name, None)
            if fleet := self._fleets.get(deployment_id):
                fleet.stop(time.monotonic())
            self._wake_supervisor()

    def logs(self, deployment_id: str, tail: int) -> list[str]:
        path = self._folders.log(deployment_id)
        return [line.text for line in logs.tail_of(path, tail)]

    def list(self) -> list[str]:
        with self._lock:
            if not self._owns:
                return adoption.deployments(self._folders)
            return [*self._fleets]

    def tick(self) -> None:
        with self._lock:
            self._own()
            self._step()

    def close(self, *, stop_all: bool = False) -> None:
        """Release the run folder; instances keep running, or drain by `stop_all`."""
        if stop_all:
            self._drain_all(time.monotonic() + DRAIN_ALL_S)
        self._closing.set()
        self._wake_supervisor()
        if self._watch is not None and self._watch is not threading.current_thread():
            self._watch.join()
        with self._lock:
            self._release()
            self._is_relieved = False
            if stop_all:
                self._folders.forget_sockets()

    def _drain_all(self, deadline: float) -> None:
        while (running := self.list()) and time.monotonic() < deadline:
            for deployment_id in running:
                self.stop(deployment_id)
            self.tick()
            time.sleep(0.02)

    def _fleet(self, deployment_id: str) -> Fleet:
        if deployment_id not in self._fleets:
            self._fleets[deployment_id] = Fleet(
                deployment_id,
                self._folders,
                self._zygote,
                self._publish,
            )
        return self._fleets[deployment_id]

    def _publish(self, fleet: Fleet) -> None:
        routing.publish_backend(self._publisher, fleet)
        self._waker.wake()

    def _wake_supervisor(self) -> None:
        """Wake the supervising thread if there is something new to listen to."""
        if self._closing.is_set() or self._pause_s() < REST_S:
            os.eventfd_write(self._nudge, 1)

    def _forget(self, deployment_id: str) -> None:
        """End an examination; one of which the process is yet to come, once it has."""
        if done := self._examinations.pop(deployment_id, None):
            done.kill()
            self._forgotten.append(done)

    def _own(self) -> None:
        """Lock the run folder unless it is ours; adopt running instances.

        Raises TransientTargetError once if another supervisor has it: after we slept
        past our lease, we must not publish routes.
        """
        owner = self._folders.run / "supervisor"
        if self._owns and adoption.owner(owner) == self._id:
            return
        was_relieved, self._is_relieved = self._owns or self._is_relieved, False
        self._release()
        if was_relieved:
            raise TransientTargetError("Another supervisor has taken over.")
        self._folders = Folders(self._data_dir, self._store)
        adoption.take(owner, self._id)
        self._owns = True
        self._closing.clear()
        for found in adoption.survivors(self._folders, time.monotonic()):
            self._fleet(found.deployment_id).instances.append(found)
        for path in self._folders.backends.glob("*.json"):
            if path.stem not in self._fleets:
                self._publisher.drop(f"backends/{path.stem}")
        self._watch = threading.Thread(target=self._supervise, daemon=True)
        self._watch.start()
        self._zygote.warm_up()

    def _release(self) -> None:
        for fleet in self._fleets.values():
            for each in fleet.instances:
                each.close()
        running = [*self._examinations.values(), *self._forgotten]
        for begun in running:
            begun.kill()
        self._fleets.clear()
        self._examinations.clear()
        self._forgotten.clear()
        self._zygote.close()
        adoption.end(self._folders, {begun.id for begun in running})
        self._publisher.close()
        self._owns = False

    def _step(self) -> None:
        now = time.monotonic()
        self._zygote.listen()
        for running in self._examinations.values():
            if running.poll(self._zygote, now):
                self._waker.wake()
        self._reap_forgotten(now)
        for fleet in [*self._fleets.values()]:
            if fleet.spec is not None:
                fleet.wanted = self._scaler.wanted(fleet.spec, fleet.wanted, now)
            fleet.tick(now)
            if fleet.spec is None and not fleet.instances:
                del self._fleets[fleet.deployment_id]
                routing.publish_backend(self._publisher, fleet)
        if now - self._looked_at > TIDY_S:
            self._looked_at = now
            self._adopt_strays(now)
            for path in self._folders.logs.glob("*.log"):
                logs.cap(path)

    def _reap_forgotten(self, now: float) -> None:
        """Kill what was forgotten before its process was known, until it has ended."""
        for each in self._forgotten:
            each.poll(self._zygote, now)
            if not each.end:
                each.kill()
        self._forgotten = [each for each in self._forgotten if not each.end]

    def _adopt_strays(self, now: float) -> None:
        known = {each.id for each in self._examinations.values()}
        for fleet in self._fleets.values():
            known.update(each.id for each in fleet.instances)
        for found in adoption.strays(self._folders, known, now):
            self._fleet(found.deployment_id).instances.append(found)
            known.add(found.id)
        self._folders.clear_sandbox_dirs(known)

    def _supervise(self) -> None:
        """Supervise until closed, or until another supervisor took over."""
        owner = self._folders.run / "supervisor"
        while not self._closing.is_set():
            with self._lock:
                if adoption.owner(owner) != self._id:
                    logger.warning("another supervisor took over; letting go")
                    self._release()
                    self._is_relieved = True
                    return
                try:
                    self._step()
                except OSError:
                    logger.exception("supervision stumbled; it goes on")
                heard, pause_s = self._watched_descriptors(), self._pause_s()
            _wait([*heard, self._nudge], pause_s)
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._nudge)

    def _pause_s(self) -> float:
        """Return after what time to look again though nobody spoke."""
        fleets = self._fleets.values()
        is_examining = self._examinations or self._forgotten
        if is_examining or any(each.is_changing() for each in fleets):
            return BEAT_S
        return GROWING_S if any(each.is_growing for each in fleets) else REST_S

    def _watched_descriptors(self) -> Sequence[int]:
        """Return what to listen to: the zygote, and processes yet to report."""
        reports = [each.report for each in self._examinations.values()]
        for fleet in self._fleets.values():
            reports.extend(each.report for each in fleet.instances)
        control = self._zygote.fileno()
        return [
            *([] if control is None else [control]),
            *(r for r in reports if r >= 0),
        ]


def _wait(descriptors: Sequence[int], seconds: float) -> None:
    """Wait until one of them speaks, at most for so long."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    poller.poll(seconds * 1000)
