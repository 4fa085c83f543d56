"""Lets hours hold all of their minutes, and lifetimes all of their hours.

Before, a count was in one row only: what became an hour was no minute any more.
"""

from datetime import datetime, timezone

from django.db import migrations

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
COUNTS = (
    "request_count", "error_count", "client_error_count", "rejected_count", "sum_ms",
)


def hold_it_all(apps, schema_editor):
    windows = apps.get_model("deployments", "TrafficWindow").objects
    _add(windows, windows.filter(seconds=60), 3600, 1)
    _add(windows, windows.filter(seconds=3600), 0, 1)


def hold_each_once(apps, schema_editor):
    windows = apps.get_model("deployments", "TrafficWindow").objects
    _add(windows, windows.filter(seconds=3600), 0, -1)
    _add(windows, windows.filter(seconds=60), 3600, -1)
    windows.exclude(seconds=60).filter(request_count=0).delete()


def _add(windows, parts, seconds, sign):
    """Add windows to those that they are part of; with -1 take them away again."""
    wholes = {}
    for part in parts.iterator():
        key = part.deployment_id, _start(part, seconds)
        if key not in wholes:
            wholes[key], _ = windows.get_or_create(
                deployment_id=key[0], starts_at=key[1], seconds=seconds, gateway=""
            )
        _grow(wholes[key], part, sign)
    windows.bulk_update(wholes.values(), [*COUNTS, "max_ms", "histogram"], batch_size=200)


def _start(part, seconds):
    if seconds == 0:
        return EPOCH
    return part.starts_at.replace(minute=0, second=0, microsecond=0)


def _grow(whole, part, sign):
    for name in COUNTS:
        setattr(whole, name, getattr(whole, name) + sign * getattr(part, name))
    whole.max_ms = max(whole.max_ms, part.max_ms)
    for number, count in part.histogram.items():
        whole.histogram[number] = whole.histogram.get(number, 0) + sign * count
    whole.histogram = {number: count for number, count in whole.histogram.items() if count}


class Migration(migrations.Migration):

    dependencies = [
        ("deployments", "0006_conversion"),
    ]

    operations = [
        migrations.RunPython(hold_it_all, hold_each_once),
    ]
