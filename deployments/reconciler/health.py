"""Health of a deployment, from its instances and the gateway's counts."""

from dataclasses import dataclass

from deployments.models import EnvironmentRule
from deployments.models.figures import Figures
from deployments.serving.terms import Phase, TargetObservation
from deployments.states import Health

HOPELESS_RATE = 0.5
GRACE_S = 5.0
"""How long nothing may be ready before that counts: a restart takes a moment."""


@dataclass(frozen=True, slots=True)
class RunCondition:
    """Condition of the instances; `seconds_down` is how long none has been ready."""

    seen: TargetObservation
    seconds_down: float
    has_restarted: bool

    @property
    def is_down(self) -> bool:
        """Whether it was given up, or nothing has been ready for a while."""
        return self.seen.phase == Phase.FAILED or self.seconds_down > GRACE_S

    @property
    def shortage(self) -> str:
        seen = self.seen
        if seen.ready_instances >= seen.desired_instances:
            return ""
        few = f"{seen.ready_instances} of {seen.desired_instances} instances are ready"
        return seen.message or few


def health_of(
    runs: RunCondition, figures: Figures, rule: EnvironmentRule, verdict: str
) -> tuple[Health, str]:
    """Return the health of something that serves, and why it is not better.

    Unhealthy: given up by its target, nothing ready for a while, or every second
    call came to nothing. Degraded: an instance missing or restarted lately, more than
    the environment allows, a `verdict` against it (`deployments.judge`), or so few
    calls that no rate says anything, more than half of which came to nothing.
    """
    if runs.is_down:
        return Health.UNHEALTHY, runs.seen.message or "nothing is ready"
    reason = complaint(figures, rule) or verdict
    taken = _taken(figures)
    if not _are_few(taken, rule) and _lost(figures, rule) >= HOPELESS_RATE * taken:
        return Health.UNHEALTHY, reason or "every second call came to nothing"
    if runs.has_restarted:
        reason = reason or "an instance was restarted in the last five minutes"
    reason = runs.shortage or reason
    return (Health.DEGRADED, reason) if reason else (Health.HEALTHY, "")


def complaint(figures: Figures, rule: EnvironmentRule) -> str:
    """Return which limit of the rule the traffic is over, for people; "" if none.

    What overload turned away says nothing of a version, and hides nothing of it.
    """
    taken = _taken(figures)
    if _are_few(taken, rule):
        return _of_few(_lost(figures, rule), taken)
    for bad, limit, text in (
        (figures.error_count, rule.max_error_rate, "failed"),
        (figures.unavailable_count, rule.max_error_rate, "found no instance ready"),
        (
            figures.non_finite_count,
            rule.max_non_finite_rate,
            "were answered with a NaN or an infinity",
        ),
    ):
        if limit is not None and bad / taken > limit:
            admitted = " that were let in" if figures.rejected_count else ""
            share = f"{bad / taken:.1%} of {taken} requests{admitted} {text}"
            return f"{share}, more than {limit:.1%}"
    p95 = figures.percentile_ms(0.95)
    if rule.max_p95_ms is not None and p95 is not None and p95 > rule.max_p95_ms:
        return f"p95 is {p95:.1f} ms, more than {rule.max_p95_ms:.1f} ms"
    return ""


def _taken(figures: Figures) -> int:
    return figures.request_count - figures.rejected_count


def _are_few(taken: int, rule: EnvironmentRule) -> bool:
    return taken < max(rule.min_requests, 1)


def _of_few(lost: int, taken: int) -> str:
    """Return what there is to say of too few calls for a rate."""
    if lost <= HOPELESS_RATE * taken:
        return ""
    return f"{'all' if lost == taken else lost} of {taken} requests came to nothing"


def _lost(figures: Figures, rule: EnvironmentRule) -> int:
    """Return how many calls brought nobody an answer that is of use.

    A NaN is, where the rule sets it no limit.
    """
    odd = figures.non_finite_count if rule.max_non_finite_rate is not None else 0
    return figures.error_count + figures.unavailable_count + odd
