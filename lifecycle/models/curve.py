"""What is kept of a long metric, so that its curve is not counted anew each time."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from lifecycle.models.key import Key


class MetricCurve(models.Model):
    """Buckets over all points of a metric whose row number is at most `settled`.

    Derived: it may be dropped at any time, and the next look counts it again.
    """

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="curves", db_index=False
    )
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    dataset = models.CharField(_("dataset"), max_length=500, blank=True)
    axis = models.CharField(_("axis"), max_length=4)
    settled = models.BigIntegerField(_("newest point"))
    shift = models.SmallIntegerField(_("width of a bucket, as a power of two"))
    buckets = models.BinaryField(_("buckets"))

    class Meta:
        verbose_name = _("metric curve")
        verbose_name_plural = _("metric curves")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two first looks at once: the one that has seen more points stays.
            models.UniqueConstraint(
                fields=["run", "key", "dataset", "axis"], name="metric_curve"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.axis})"
