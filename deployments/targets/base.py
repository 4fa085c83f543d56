"""Interface of targets: between the reconciler and where models run.

Every call is idempotent and returns at once.
"""

from dataclasses import dataclass
from typing import Protocol

from deployments.serving.terms import (
    ReadingComparison,
    Route,
    Spec,
    TargetObservation,
    TokenAccess,
    Validation,
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Optional features of a target, and the gaps of its sandbox.

    `missing_walls` says in words what a model can reach here that it should not.
    """

    splits_traffic: bool
    mirrors: bool
    scales: bool
    missing_walls: tuple[str, ...] = ()


class Target(Protocol):
    """A place where deployments run."""

    name: str

    def capabilities(self) -> Capabilities: ...

    def validate(self, spec: Spec) -> Validation | None:
        """Return the result, or None while validation still runs.

        Raises TargetRefused, with a sentence for people, when the model cannot be
        served.
        """

    def compare(self, spec: Spec, before: Spec) -> ReadingComparison | None:
        """Return where a spec answers otherwise than what serves; None as above.

        Raises TargetRefused, with the reason, when that cannot be known.
        """

    def apply(self, spec: Spec) -> None:
        """Bring up the spec; idempotent if it runs already."""

    def observe(self, deployment_id: str) -> TargetObservation: ...

    def route(self, route: Route) -> None:
        """Send a slot's traffic as the route says, in one atomic step.

        It has taken effect when `settle` returns.
        """

    def admit(self, access: TokenAccess) -> None:
        """Authorize these tokens for every model at the target. See `settle`."""

    def settle(self) -> None:
        """Return when what was routed and admitted has taken effect everywhere.

        That takes a second at most. Raises TransientTargetError when that cannot be
        known; then no status may be written for it.
        """

    def complete(self) -> None:
        """Declare the routes complete: what has no route does not exist."""

    def stop(self, deployment_id: str) -> None:
        """Drain requests in flight, then end the deployment's processes."""

    def logs(self, deployment_id: str, tail: int) -> list[str]: ...

    def list(self) -> list[str]:
        """Return the ids of all deployments that have anything running."""

    def tick(self) -> None:
        """Look after what runs: restart, drain, scale. Called often."""

    def close(self, *, stop_all: bool = False) -> None:
        """Release what runs: it goes on, for a successor to adopt, or drains first."""
