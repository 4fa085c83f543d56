"""Periodic housekeeping: deletes what is old, stores what gateways soon forget.

Lifetimes of traffic stay, so that no total shrinks.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from deployments.models import DeploymentKey, KeyDay, Lease, TrafficWindow

MINUTES_KEPT = timedelta(hours=48)
HOURS_KEPT = timedelta(days=90)
BATCH = 2000


def prune_traffic(lease: Lease, now: datetime | None = None) -> int:
    """Delete a bounded number of windows that are past; return how many."""
    now = now or timezone.now()
    windows = TrafficWindow.objects.order_by("starts_at")
    minutes = windows.minutes().filter(starts_at__lt=now - MINUTES_KEPT)
    hours = windows.hours().filter(starts_at__lt=now - HOURS_KEPT)
    with lease.held():
        return sum(old.delete_some(BATCH) for old in (minutes, hours))


def store_usage(lease: Lease) -> None:
    """Store what was used of keys, and forget trials; gateways know two days."""
    with lease.held():
        KeyDay.ingest()
        DeploymentKey.objects.forget_trials()
