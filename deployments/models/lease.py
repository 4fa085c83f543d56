"""Who may act for a target now: one reconciler, until its lease runs out."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Lease(models.Model):
    """A lease with a fencing token: it grows with every new holder."""

    name = models.CharField(_("name"), max_length=50, primary_key=True)
    holder = models.CharField(_("holder"), max_length=64, blank=True)
    fence = models.PositiveBigIntegerField(_("fencing token"), default=0)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return self.name
