"""What a copy of an installation has to forget of its deployments and hooks."""

from django.utils import timezone

from deployments.models.alert import AlertDelivery, AlertHook
from deployments.models.deployment import Deployment
from deployments.models.watch import Watch
from deployments.states import IN_PROGRESS, OPEN, DeliveryState, Health

_SHOWN = 20


def hook_keys(alias: str) -> dict[str, list[str]]:
    """Name the keys that secrets of hooks are encrypted with."""
    sealed = AlertHook.objects.using(alias).exclude(sealed_secret="")
    names = {
        one.partition(".")[0] for one in sealed.values_list("sealed_secret", flat=True)
    }
    return {"hook key": sorted(names)} if names else {}


def is_reconciled() -> str:
    """Return that a reconciler runs here, if one does."""
    if not Watch.read().is_kept:
        return ""
    return "A reconciler runs here: stop web, reconciler and gateway first."


def become_copy() -> list[str]:
    """Silence hooks, and let nothing be known of processes that are elsewhere.

    What was on its way begins its step anew; what serves does so again as soon as a
    reconciler has brought it up here.
    """
    Deployment.objects.filter(status__in=OPEN).update(
        ready_instances=0,
        health=Health.DEGRADED,
        health_reason="It was restored, and does not serve here yet.",
        judged_at=None,
    )
    on_their_way = Deployment.objects.filter(status__in=IN_PROGRESS)
    on_their_way.update(step_started_at=timezone.now())
    hooks = AlertHook.objects.filter(is_enabled=True)
    names = list(hooks.values_list("name", flat=True))
    hooks.update(is_enabled=False)
    return [*_silenced(names), *_undelivered()]


def _silenced(names: list[str]) -> list[str]:
    if not names:
        return []
    listed = ", ".join(names)
    return [
        f"Alert hooks are switched off: {listed}. Switch on those that should call."
    ]


def _undelivered() -> list[str]:
    waiting = AlertDelivery.objects.filter(state=DeliveryState.WAITING)
    count = waiting.count()
    if not count:
        return []
    rows = waiting.select_related("hook", "event", "dataset_event").order_by("next_at")
    shown = [
        f"  {one} (since {one.created_at:%Y-%m-%d %H:%M})" for one in rows[:_SHOWN]
    ]
    more = [f"  and {count - _SHOWN} more"] if count > _SHOWN else []
    return [f"{count} messages were not delivered, and wait:", *shown, *more]
