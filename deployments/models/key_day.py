"""Daily usage of endpoint keys, as gateways counted it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from deployments.models.key import DeploymentKey
from deployments.serving.gateway.usage import used_days

SHOWN = timedelta(days=30)
KEPT = timedelta(days=400)
DAY_S = 86_400


class KeyDay(models.Model):
    """The calls of a key on a UTC day; days without calls have no row.

    Gateways know a key's current day and the one before. Their counts only grow, so
    that ingesting them again, or late, is idempotent.
    """

    key = models.ForeignKey(DeploymentKey, models.CASCADE, related_name="days")
    day = models.DateField(_("day"))
    request_count = models.PositiveBigIntegerField(_("requests"), default=0)
    refused_count = models.PositiveBigIntegerField(_("refused"), default=0)

    class Meta:
        ordering = ("-day",)
        verbose_name = _("day of a key")
        verbose_name_plural = _("days of keys")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Ingesting counts again updates the row of the day: the upsert's target.
            models.UniqueConstraint(fields=["key", "day"], name="day_of_key")
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.day}"

    @classmethod
    def counted(cls, keys: Iterable[DeploymentKey]) -> "list[KeyDay]":
        """Return the last days of keys as gateways know them, not stored."""
        by_digest = {key.digest: key for key in keys}
        folder = Path(settings.DATA_DIR) / "run" / "gateways"
        return [
            cls(
                key=by_digest[digest],
                day=_date(each.day),
                request_count=each.requests,
                refused_count=each.refused,
            )
            for digest, days in used_days(folder, by_digest).items()
            for each in days
        ]

    @classmethod
    def ingest(cls) -> None:
        """Store what gateways know by now, and forget what is too old."""
        since = timezone.now().date() - KEPT
        names = ("key_id", "day", "request_count", "refused_count")
        known = set(cls.objects.filter(day__gte=since).values_list(*names))
        counted = cls.counted(DeploymentKey.objects.only("digest"))
        KeyDay.objects.bulk_create(
            [
                each
                for each in counted
                if each.day >= since
                and tuple(getattr(each, name) for name in names) not in known
            ],
            batch_size=500,
            update_conflicts=True,
            unique_fields=["key", "day"],
            update_fields=["request_count", "refused_count"],
        )
        cls.objects.filter(day__lt=since).delete()

    @classmethod
    def shown(cls, keys: Iterable[DeploymentKey]) -> "dict[str, list[KeyDay]]":
        """Return the last 30 days of keys by digest, the newest first."""
        listed, since = list(keys), timezone.now().date() - SHOWN
        stored = cls.objects.filter(key__in=listed, day__gt=since)
        digests = {key.pk: key.digest for key in listed}
        found: dict[str, dict[date, KeyDay]] = {key.digest: {} for key in listed}
        known: list[KeyDay] = [*stored, *cls.counted(listed)]
        for each in known:
            if each.day > since:
                found[digests[each.key_id]][each.day] = each
        return {
            digest: [days[day] for day in sorted(days, reverse=True)]
            for digest, days in found.items()
        }


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * DAY_S, UTC).date()
