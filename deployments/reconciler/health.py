"""How well a deployment does: from what runs and from what the gateway counted."""

import uuid
from collections.abc import Collection, Mapping
from datetime import timedelta

from django.utils import timezone

from deployments.models import Deployment, EnvironmentRule, TrafficWindow
from deployments.models.figures import Figures
from deployments.serving.terms import Observation, Phase
from deployments.states import Health

LOOK_BACK = timedelta(minutes=5)
HOPELESS_RATE = 0.5
GRACE_S = 5.0
"""How long nothing may be ready before that counts: a restart takes a moment."""


def health_of(
    seen: Observation,
    figures: Figures,
    rule: EnvironmentRule,
    *,
    seconds_down: float,
    has_restarted: bool,
) -> Health:
    """Return the health of something that serves.

    Unhealthy: given up by its target, nothing ready for a while, or every second
    call an error. Degraded: an instance missing or restarted lately, or more errors
    or a longer p95 than the environment allows, over enough requests.
    """
    said = figures.request_count >= rule.min_requests
    if seen.phase == Phase.FAILED or seconds_down > GRACE_S:
        return Health.UNHEALTHY
    if said and figures.error_rate >= HOPELESS_RATE:
        return Health.UNHEALTHY
    is_short = seen.ready_instances < seen.desired_instances
    if is_short or has_restarted or complaint(figures, rule):
        return Health.DEGRADED
    return Health.HEALTHY


def complaint(figures: Figures, rule: EnvironmentRule) -> str:
    """Return what is wrong with the traffic, for people; "" if nothing is."""
    if figures.request_count < rule.min_requests:
        return ""
    if figures.error_rate > rule.max_error_rate:
        return (
            f"{figures.error_rate:.1%} of {figures.request_count} requests failed, "
            f"more than {rule.max_error_rate:.1%}"
        )
    p95 = figures.percentile_ms(0.95)
    if rule.max_p95_ms is not None and p95 is not None and p95 > rule.max_p95_ms:
        return f"p95 is {p95:.1f} ms, more than {rule.max_p95_ms:.1f} ms"
    return ""


def recent_figures(
    deployments: Collection[Deployment], rules: Mapping[str, EnvironmentRule]
) -> dict[uuid.UUID, Figures]:
    """Return the last minutes' figures by id, in one query for all of them.

    Histograms are read only where a rule limits the p95, one query each.
    """
    start = timezone.now() - LOOK_BACK
    ids = [one.pk for one in deployments]
    figures = TrafficWindow.objects.minutes().since(start).sums(ids)
    for one in deployments:
        rule = rules.get(one.environment)
        if rule is not None and rule.max_p95_ms is not None and one.pk in figures:
            figures[one.pk] = one.windows.minutes().since(start).figures()
    return figures


def is_baking(deployment: Deployment, rule: EnvironmentRule) -> bool:
    """Whether the deployment is so new that trouble sends it back."""
    if deployment.deployed_at is None or not rule.rolls_back_by_itself:
        return False
    age = timezone.now() - deployment.deployed_at
    return age <= timedelta(seconds=rule.bake_s)
