"""Lease of the reconciler: one holder acts on the targets until it expires."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from deployments.errors import LeaseLost

TIME_TO_LIVE = timedelta(seconds=15)


class Lease(models.Model):
    """A lease with a fencing token, which grows with every new holder."""

    name = models.CharField(_("name"), max_length=50, primary_key=True)
    holder = models.CharField(_("holder"), max_length=64, blank=True)
    fence = models.PositiveBigIntegerField(_("fencing token"), default=0)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def take(cls, name: str, holder: str) -> "Lease | None":
        """Acquire or renew the lease; None while another holder has it."""
        now = timezone.now()
        cls.objects.get_or_create(pk=name, defaults={"expires_at": now})
        mine = cls.objects.filter(pk=name, holder=holder)
        renewed = mine.update(expires_at=now + TIME_TO_LIVE)
        if not renewed:
            free = Q(expires_at__lte=now) | Q(holder="")
            cls.objects.filter(free, pk=name).update(
                holder=holder, fence=F("fence") + 1, expires_at=now + TIME_TO_LIVE
            )
        return mine.first()

    @classmethod
    def last_seen(cls, name: str) -> datetime | None:
        """Return when a holder last acquired, renewed or released a lease."""
        found = cls.objects.filter(pk=name).first()
        if found is None or not found.fence:
            return None
        return found.expires_at - TIME_TO_LIVE if found.holder else found.expires_at

    def renew(self) -> bool:
        """Extend the lease to its full time; False if another holder has it."""
        expires_at = timezone.now() + TIME_TO_LIVE
        return bool(self._mine().update(expires_at=expires_at))

    def release(self) -> None:
        """Release the lease, so that the next reconciler gets it at once."""
        self._mine().update(holder="", expires_at=timezone.now())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Run a transaction that commits only while the lease is held.

        Raises LeaseLost, with nothing written, if another holder has it.
        """
        with transaction.atomic():
            if not list(self._mine().select_for_update().values_list("pk")):
                raise LeaseLost(self.name)
            yield

    def require(self) -> None:
        """Raise LeaseLost unless it is held, before a target is called."""
        with self.held():
            pass

    def _mine(self) -> models.QuerySet["Lease"]:
        return type(self).objects.filter(
            pk=self.pk, holder=self.holder, fence=self.fence
        )
