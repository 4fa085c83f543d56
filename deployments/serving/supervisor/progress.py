"""Progress of a started process: distinguishes a hang from a busy machine."""

from dataclasses import dataclass

from deployments.serving.processes import Effort, effort

LOOK_S = 0.5
STEP_S = 0.05
"""What a process must have computed, or waited for a processor, to have got on."""
STARVED = 0.5
"""The share of its time from which on a process waits, rather than works."""

NOTHING = Effort(0.0, 0.0)


@dataclass(slots=True)
class ProcessProgress:
    """Progress of a process since its start; times are monotonic seconds.

    Neither what it computes nor what it waits for a processor or a disk is idleness.
    """

    since: float
    _moved_at: float = 0.0
    _looked_at: float = 0.0
    _known: Effort = NOTHING

    def __post_init__(self) -> None:
        self._moved_at = self.since

    def look(self, pid: int, now: float) -> None:
        """Update from the process's CPU time; before the fork, waiting counts too."""
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        found = effort(pid) if pid else None
        if found is None:
            if not pid:
                self._moved_at = now
            return
        done = found.run_s + found.wait_s - self._known.run_s - self._known.wait_s
        if done >= STEP_S or found.is_at_it:
            self._moved_at = now
            self._known = found

    def idle_s(self, now: float) -> float:
        return now - self._moved_at

    def age_s(self, now: float) -> float:
        return now - self.since

    @property
    def run_s(self) -> float:
        """CPU time at the last progress, in seconds."""
        return self._known.run_s

    def is_starved(self, now: float) -> bool:
        """Whether it waited for processors for most of its time."""
        return self._known.wait_s > STARVED * max(self.age_s(now), LOOK_S)
