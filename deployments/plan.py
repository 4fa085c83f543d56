"""What is asked for besides the version: how large, and how it gets its traffic."""

import re
from dataclasses import dataclass, field
from typing import Any, Self

from deployments.instance_types import INSTANCE_TYPES, MAX_INSTANCES
from deployments.serving.terms import CallLimits
from deployments.states import Rollout, StickyBy
from mlops.core.errors import Invalid

TIMEOUT_S = 10
"""How long a prediction may take where a deployment does not say."""
MAX_CONCURRENCY = 100
"""And how many requests an instance may have at once."""
LIMITS = {
    "timeout_s": (1, 600),
    "max_concurrency": (1, 1000),
    "max_body_bytes": (1 << 10, 256 << 20),
}
STICKY_HEADER = "X-Session-ID"
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
NOT_STICKY = frozenset({"authorization", "connection", "content-length", "host"})
MAX_STEPS = 20
STEP_S = 60
"""How long a canary holds a share where a deployment does not say."""
MAX_STEP_S = 24 * 3600
FULL = 100


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a version comes to its traffic.

    `steps` are a canary's shares in percent, rising, below 100; each is held for
    `seconds_per_step`. A sticky one lets a caller who got the new version keep it as
    its share grows. A shadow gets copies of requests until somebody promotes or
    aborts it.
    """

    kind: Rollout = Rollout.ALL_AT_ONCE
    steps: tuple[int, ...] = ()
    seconds_per_step: int = STEP_S
    sticky_by: StickyBy = StickyBy.REQUEST
    sticky_header: str = STICKY_HEADER

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Strategy":
        """Return the strategy of a stored row ({} is all at once)."""
        return cls(
            Rollout(stored.get("type", Rollout.ALL_AT_ONCE)),
            tuple(stored.get("steps", ())),
            int(stored.get("seconds_per_step", STEP_S)),
            StickyBy(stored.get("sticky_by", StickyBy.REQUEST)),
            stored.get("sticky_header", STICKY_HEADER),
        )

    def stored(self) -> dict[str, Any]:
        if self.kind != Rollout.CANARY:
            return {"type": str(self.kind)}
        kept: dict[str, Any] = {
            "type": str(self.kind),
            "steps": list(self.steps),
            "seconds_per_step": self.seconds_per_step,
        }
        if self.sticky_by != StickyBy.REQUEST:
            kept["sticky_by"] = str(self.sticky_by)
        if self.sticky_by == StickyBy.HEADER:
            kept["sticky_header"] = self.sticky_header
        return kept

    @property
    def sticky_name(self) -> str:
        """Return "key", or the header's name in lower case, or "" where it is chance.

        A header cannot be called "key": it is told apart by its colon.
        """
        if self.sticky_by == StickyBy.HEADER:
            return f"{self.sticky_header.lower()}:"
        return "key" if self.sticky_by == StickyBy.KEY else ""

    def check(self) -> None:
        """Raise Invalid, naming the field, for steps that make no sense."""
        if self.kind != Rollout.CANARY:
            self._check_no_canary()
            return
        name = self.sticky_header
        if not HEADER.fullmatch(name) or name.lower() in NOT_STICKY:
            raise Invalid(
                f"{name!r} is no header to tell callers by; use one such as "
                f"{STICKY_HEADER}.",
                field="strategy.sticky_header",
            )
        rising = list(self.steps) == sorted(set(self.steps))
        if not (1 <= len(self.steps) <= MAX_STEPS and rising):
            raise Invalid(
                f"A canary needs 1 to {MAX_STEPS} rising steps.", field="strategy.steps"
            )
        if not all(0 < step < FULL for step in self.steps):
            raise Invalid(
                "A canary's steps are percentages from 1 to 99.", field="strategy.steps"
            )
        if not 1 <= self.seconds_per_step <= MAX_STEP_S:
            raise Invalid(
                f"A step lasts 1 to {MAX_STEP_S} seconds.",
                field="strategy.seconds_per_step",
            )

    def _check_no_canary(self) -> None:
        if self.steps:
            raise Invalid("Only a canary has steps.", field="strategy.steps")
        if self.sticky_by != StickyBy.REQUEST:
            raise Invalid("Only a canary is sticky.", field="strategy.sticky_by")
        if self.seconds_per_step != STEP_S:
            raise Invalid("Only a canary has steps.", field="strategy.seconds_per_step")


SIZES = (
    "instances",
    "instance_type",
    "auto_scaling",
    "min_instances",
    "max_instances",
    "timeout_s",
    "max_concurrency",
    "max_body_bytes",
)
"""The columns of a plan but its strategy."""


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """The size that is asked for and the strategy."""

    instances: int = 1
    instance_type: str = "standard"
    auto_scaling: bool = False
    min_instances: int | None = None
    max_instances: int | None = None
    strategy: Strategy = field(default_factory=Strategy)
    timeout_s: int | None = None
    max_concurrency: int | None = None
    max_body_bytes: int | None = None

    @classmethod
    def of(cls, row: object, strategy: Strategy) -> Self:
        """Return the plan that a row's columns hold."""
        return cls(**{name: getattr(row, name) for name in SIZES}, strategy=strategy)

    def columns(self) -> dict[str, Any]:
        """Return what a row stores."""
        sizes = {name: getattr(self, name) for name in SIZES}
        return {**sizes, "strategy": self.strategy.stored()}

    @property
    def limits(self) -> CallLimits:
        return CallLimits(self.timeout_s, self.max_concurrency, self.max_body_bytes)

    def check(self) -> None:
        """Raise Invalid, naming the field, for what no target could fulfil."""
        if self.instance_type not in INSTANCE_TYPES:
            raise Invalid(
                f"There is no instance type {self.instance_type!r}; there are: "
                f"{', '.join(INSTANCE_TYPES)}.",
                field="endpoint_config.instance_type",
            )
        for name in ("instances", "min_instances", "max_instances"):
            self._check_number(name)
        for name, (least, most) in LIMITS.items():
            self._check_limit(name, least, most)
        self._check_scaling()
        low, high = self.bounds()
        if not low <= self.instances <= high:
            raise Invalid(
                "min_instances, instances and max_instances must not fall in this "
                f"order: {low}, {self.instances}, {high}.",
                field="endpoint_config.instances",
            )
        self.strategy.check()

    def bounds(self) -> tuple[int, int]:
        """Return the fewest and the most instances that scaling may come to."""
        if not self.auto_scaling:
            low = self.min_instances or self.instances
            return low, self.max_instances or self.instances
        low = self.min_instances or self.instances
        return low, self.max_instances or min(4 * self.instances, MAX_INSTANCES)

    def _check_scaling(self) -> None:
        if self.auto_scaling:
            return
        for name in ("min_instances", "max_instances"):
            if getattr(self, name) is not None:
                raise Invalid(
                    f"{name} is for auto_scaling; without it there are as many as "
                    "`instances` says.",
                    field=f"endpoint_config.{name}",
                )

    def _check_limit(self, name: str, least: int, most: int) -> None:
        number: int | None = getattr(self, name)
        if number is not None and not least <= number <= most:
            raise Invalid(
                f"{name} must be between {least} and {most}.",
                field=f"endpoint_config.{name}",
            )

    def _check_number(self, name: str) -> None:
        number: int | None = getattr(self, name)
        if number is not None and not 1 <= number <= MAX_INSTANCES:
            raise Invalid(
                f"{name} must be between 1 and {MAX_INSTANCES}.",
                field=f"endpoint_config.{name}",
            )
