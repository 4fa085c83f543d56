"""Deployments on probation, and the figures that the judge compares."""

import json
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from deployments.judge import CallWindow, JudgeLimits
from deployments.models import Deployment, EnvironmentRule, TrafficWindow
from deployments.models.figures import Figures
from deployments.serving.oip import metadata
from deployments.serving.terms import Signature
from deployments.states import Status

LOOK_BACK = timedelta(minutes=5)
LONGER_BACK = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
"""Windows are known by their beginning."""
LONGEST_BACK = timedelta(days=1)
ENOUGH, THIN = 1000, 200
"""So many requests of the last minutes make older ones unnecessary. With fewer than
the second within the hour a new version's share of 10 % would never stand out."""
SETTLED = timedelta(seconds=90)
"""So long after a flip all that the version before answered has been counted."""
CODE = "mlflow_pyfunc"
MOST_TEXT = 1 << 14
"""The longest signature in JSON that fits into the message to a model process."""


def is_baking(deployment: Deployment, rule: EnvironmentRule) -> bool:
    """Whether the deployment is so new that errors roll it back."""
    if deployment.deployed_at is None or not rule.rolls_back_by_itself:
        return False
    age = timezone.now() - deployment.deployed_at
    return age <= timedelta(seconds=rule.bake_s)


def is_on_probation(deployment: Deployment, rule: EnvironmentRule) -> bool:
    """Whether a verdict would end or undo it: it bakes or rolls out."""
    if deployment.is_current:
        return is_baking(deployment, rule)
    return deployment.is_rolling_out


def on_probation(rules: Mapping[str, EnvironmentRule]) -> Q:
    """Return which rows `is_on_probation` holds of, as a condition."""
    wanted = Q(status=Status.DEPLOYING, rollout_at__isnull=False)
    for rule in rules.values():
        if rule.rolls_back_by_itself:
            since = timezone.now() - timedelta(seconds=rule.bake_s)
            wanted |= Q(
                status=Status.ACTIVE,
                slot__environment=rule.environment,
                deployed_at__gte=since,
            )
    return wanted


def window_of(figures: Figures, *, knows_before: bool = False) -> CallWindow:
    """Return what the judge looks at; `knows_before` says that refusals are marked."""
    return CallWindow(
        figures.request_count - figures.rejected_count,
        figures.error_count + figures.unavailable_count,
        figures.unavailable_count,
        figures.client_error_count,
        figures.non_finite_count,
        figures.own_histogram,
        figures.refused_anew_count if knows_before else None,
    )


def limits_of(rule: EnvironmentRule) -> JudgeLimits:
    return JudgeLimits(
        rule.min_requests,
        rule.max_error_rate,
        rule.max_non_finite_rate,
        rule.max_p95_ms,
    )


def needs_the_judge(figures: Figures, rule: EnvironmentRule) -> bool:
    """Whether any share is large enough for a verdict, whatever was before it."""
    window, limits = window_of(figures), limits_of(rule)
    if window.request_count < limits.min_requests:
        return False
    bad = max(window.failed_count, window.refused_count, window.non_finite_count)
    odd = 1.0 if limits.non_finite is None else limits.non_finite
    return bad > min(limits.failed, odd) * window.request_count


def recent_figures(
    deployments: Collection[Deployment], rules: Mapping[str, EnvironmentRule]
) -> dict[uuid.UUID, Figures]:
    """Return the last minutes' figures by id, in one query for all of them.

    Histograms are read only of what bakes or rolls out, and where a rule limits the
    p95, one query each.
    """
    start = timezone.now() - LOOK_BACK
    ids = [one.pk for one in deployments]
    figures = TrafficWindow.objects.minutes().since(start).sums(ids)
    for one in deployments:
        rule = rules.get(one.environment)
        if rule is None or one.pk not in figures:
            continue
        if rule.max_p95_ms is not None or is_on_probation(one, rule):
            figures[one.pk] = one.windows.minutes().since(start).figures()
    return figures


def version_before(deployment: Deployment) -> Deployment | None:
    """Return what a deployment is compared with: what serves beside it, or did before.

    None for a slot's first one.
    """
    slot = Deployment.objects.filter(slot=deployment.slot_id)
    if not deployment.is_current:
        return slot.serving().first()
    return slot.filter(superseded_by=deployment.pk).order_by("-revision").first()


def record_of(before: Deployment, after: Deployment) -> Figures:
    """Return what the version before did, at the time that says most of it.

    Beside a rollout: since it began, at most the last minutes. Before a flip: in the
    minutes before it, or where they say little, in the hour, or the day.
    """
    minutes = before.windows.minutes()
    if not after.is_current:
        began = after.rollout_at or timezone.now()
        return minutes.since(max(began, timezone.now() - LOOK_BACK) - MINUTE).figures()
    flip: datetime = after.deployed_at or timezone.now()
    figures = minutes.since(flip - LOOK_BACK - MINUTE).figures()
    if figures.request_count >= ENOUGH:
        return figures
    figures = minutes.since(flip - LONGER_BACK).figures()
    if figures.request_count >= THIN:
        return figures
    return before.windows.hours().since(flip - LONGEST_BACK).figures()


def refuses_alike(one: Deployment, other: Deployment) -> bool:
    """Whether two have one signature, so that they refuse the same requests.

    MLflow's own check of a model that is code knows more than the signature says.
    """
    ours, theirs = one.signature, other.signature
    if not (_is_complete(one) and _is_complete(other)):
        return False
    return _asked_for(ours) == _asked_for(theirs)


def signature_before(deployment: Deployment) -> Signature | None:
    """Return what the version before takes, where its signature is complete."""
    before = version_before(deployment)
    if before is None or not (_is_complete(before) and _is_complete(deployment)):
        return None
    if len(json.dumps(before.signature)) > MOST_TEXT:
        return None
    return metadata.signature_in(before.signature)


def _is_complete(deployment: Deployment) -> bool:
    return deployment.signature.get("platform") not in {CODE, None}


def _asked_for(signature: Mapping[str, object]) -> tuple[object, ...]:
    outputs = signature.get("outputs")
    names = [each["name"] for each in outputs] if isinstance(outputs, list) else []
    return signature.get("inputs"), signature.get("feature_names"), names
