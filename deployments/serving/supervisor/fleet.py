"""The instances of one deployment: kept at the wanted number."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from deployments.serving import logs
from deployments.serving.supervisor import conversions, instance
from deployments.serving.supervisor.folders import Folders
from deployments.serving.supervisor.instance import Instance, State
from deployments.serving.supervisor.zygote_client import ZygoteClient
from deployments.serving.terms import Phase, Spec, TargetObservation, TargetRefused

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
HINDERED_PAUSE_S = 1.0
MANY_CRASHES, WINDOW_S = 5, 60.0
START_LIMIT_S = 60.0
LOOK_S = 0.2
Publish = Callable[["Fleet"], None]


@dataclass(slots=True)
class Fleet:
    """Brings up, restarts and drains; `publish` tells gateways what serves.

    Times are monotonic seconds. Instances that were inherited, or whose memory is
    full, serve until as many others as are wanted are ready, and none ends before
    the routes could be published: a disk may be full.
    """

    deployment_id: str
    folders: Folders
    zygote: ZygoteClient
    publish: Publish
    spec: Spec | None = None
    wanted: int = 0
    instances: list[Instance] = field(default_factory=list)
    restarts: int = 0
    message: str = ""
    refusal: str = ""
    _published: list[Instance] = field(default_factory=list)
    _crashes: deque[float] = field(default_factory=deque)
    _not_before: float = 0.0
    _look_at: float = 0.0
    _ran_short: bool = False

    def ask(self, spec: Spec) -> None:
        """Want what the spec says; scaling between its bounds is kept."""
        self.spec = spec
        self.wanted = min(
            max(self.wanted, spec.instances), max(spec.instances, spec.max_instances)
        )

    def stop(self, now: float) -> None:
        """Want nothing; what runs drains."""
        self.spec, self.wanted = None, 0
        self._drain(self.instances, now)
        self._publish_if_changed(now)

    def tick(self, now: float) -> None:
        """Take one step towards what is wanted."""
        for each in self.instances:
            each.poll(self.zygote, now)
            self._kill_if_stuck(each, now)
        for each in [each for each in self.instances if each.state is State.GONE]:
            self._remove(each, now)
        self._retire_the_surplus(now)
        self._replace_the_full(now)
        self._publish_if_changed(now)
        if self.spec is not None and now >= self._not_before:
            for _ in range(self.wanted - len(self._ours())):
                self._begin(self.spec, now)

    def serving(self) -> list[Instance]:
        """Return what gateways may send requests to."""
        ours = [each for each in self._ours() if each.serves]
        if ours and len(ours) >= self.wanted:
            return ours
        return [each for each in self.instances if each.serves]

    def is_changing(self) -> bool:
        """Whether something comes or goes, or could end without being heard."""
        if self.spec is None or len(self._ours()) != self.wanted:
            return True
        is_connected = self.zygote.is_connected
        return not all(
            one.serves and is_connected(one.generation) for one in self.instances
        )

    @property
    def is_growing(self) -> bool:
        return any(each.is_growing for each in self.instances)

    def observe(self, now: float) -> TargetObservation:
        ready = sum(each.serves for each in self._published)
        if self.spec is None:
            phase = Phase.READY if ready else Phase.STARTING
        elif self.refusal or len(self._recent(now)) >= MANY_CRASHES:
            phase = Phase.FAILED
        else:
            phase = Phase.READY if ready >= self.wanted else Phase.STARTING
        return TargetObservation(
            phase,
            ready,
            self.wanted,
            self.restarts,
            self.refusal or self.message,
            is_busy=any(each.is_starved(now) for each in self.instances),
        )

    def _ours(self) -> list[Instance]:
        """Return ours that start or serve."""
        return [each for each in self.instances if not each.is_outgoing]

    def _retire_the_surplus(self, now: float) -> None:
        ours = self._ours()
        ready = [each for each in ours if each.serves]
        if self.wanted and len(ready) >= self.wanted:
            kept = ready[-self.wanted :]
            self._drain([each for each in self.instances if each not in kept], now)
            self.refusal, self._ran_short = "", False

    def _drain(self, leaving: list[Instance], now: float) -> None:
        for each in leaving:
            each.leave(now)

    def _publish_if_changed(self, now: float) -> None:
        """Publish what serves; while that fails, no instance is removed."""
        serving = self.serving()
        if serving == self._published:
            return
        try:
            self.publish(self)
        except OSError as error:
            self.message = f"Gateways cannot be told what serves: {error.strerror}."
            for each in self.instances:
                each.wait_to_leave(now)
        else:
            self._published = serving

    def _kill_if_stuck(self, each: Instance, now: float) -> None:
        is_fresh = self.spec is not None and self.spec.allows_code
        limit_s = START_LIMIT_S * (instance.FRESH_TIMES if is_fresh else 1)
        if each.is_stuck(limit_s, now):
            self._say(f"instance {each.id} has done nothing for {limit_s:g} s")
            each.kill()

    def _remove(self, each: Instance, now: float) -> None:
        self.instances.remove(each)
        each.clear(self.folders)
        if each.is_leaving or self.spec is None:
            self._say(f"instance {each.id} has left ({each.end})")
        elif each.start_error:
            self._wait_for_capacity(each.start_error, now)
        elif not (each.is_inherited or each.is_worn):
            self._count_crash(each, now)

    def _replace_the_full(self, now: float) -> None:
        """Mark instances that near their memory limit, so that others replace them."""
        if self.spec is None or now < self._look_at:
            return
        self._look_at = now + LOOK_S
        limit = self.spec.memory_bytes
        for each in [one for one in self._ours() if one.serves]:
            if each.has_filled(limit):
                each.is_worn = True
                each.end = f"replaced, having filled its {limit >> 20} MiB of memory"
                self._count_crash(each, now)

    def _count_crash(self, each: Instance, now: float) -> None:
        self.restarts += 1
        self._crashes.append(now)
        crashes = len(self._recent(now))
        pause = min(FIRST_PAUSE_S * 2 ** (crashes - 1), LONGEST_PAUSE_S)
        self.refusal = "" if self._may_repeat(each) else each.refusal
        if self.refusal or crashes >= MANY_CRASHES:
            pause = LONGEST_PAUSE_S
        if self.refusal and self.spec is not None and self.spec.converts:
            conversions.reject(self.spec, self.folders)
        self.message = each.refusal or f"The model server was {each.end}."
        self._not_before = now + pause
        self._say(f"instance {each.id} {each.end}; the next one in {pause:g} s")

    def _may_repeat(self, each: Instance) -> bool:
        """Whether memory ended for the first time since all were ready."""
        ran_short_before, self._ran_short = self._ran_short, each.ran_short
        return each.ran_short and not ran_short_before

    def _recent(self, now: float) -> "deque[float]":
        while self._crashes and now - self._crashes[0] > WINDOW_S:
            self._crashes.popleft()
        return self._crashes

    def _begin(self, spec: Spec, now: float) -> None:
        try:
            begun = instance.begin(spec, self.folders, self.zygote, now)
        except TargetRefused as refusal:
            self.refusal = self.message = str(refusal)
            self._not_before = now + LONGEST_PAUSE_S
        except OSError as error:
            self._wait_for_capacity(error.strerror or str(error), now)
        else:
            self.instances.append(begun)
            self._say(f"instance {begun.id} begins")

    def _wait_for_capacity(self, start_error: str, now: float) -> None:
        self.message = f"No instance can be started now: {start_error}."
        self._not_before = now + HINDERED_PAUSE_S

    def _say(self, text: str) -> None:
        logger.info("deployment %s: %s", self.deployment_id, text)
        logs.append(self.folders.log(self.deployment_id), text)
