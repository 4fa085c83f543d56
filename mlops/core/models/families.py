"""Refresh tokens that follow from one sign-in, each made in exchange for the last."""

import uuid
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlops.core.models.people import User

GRACE = timedelta(seconds=30)
"""How long the token before the newest is still answered, with the same newest one.

Two tabs of a browser share their cookies and renew at the same moment, and an answer
may be lost on its way.
"""


class TokenFamily(models.Model):
    """One sign-in. `current` is the id of its newest refresh token.

    A token older than that was used before: whoever brings it again, or whoever used
    it the first time, has stolen it. Nobody can tell which, so the family ends.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="token_families")
    current = models.CharField(_("newest token"), max_length=32)
    previous = models.CharField(_("token before"), max_length=32, blank=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    renewed_at = models.DateTimeField(_("renewed"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        ordering = ("-started_at",)
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        indexes: ClassVar[list[models.Index]] = [
            # What of a person's is over: dropped at the next sign-in.
            models.Index(fields=["user", "expires_at"], name="families_of_a_user")
        ]

    def __str__(self) -> str:
        return f"{self.user} since {self.started_at:%Y-%m-%d %H:%M}"

    def renew(self, used: str, *, lifetime: timedelta) -> bool:
        """Exchange the newest token for one more; of two at once one does it.

        Returns whether `current` is now what whoever brought `used` is to get: the new
        token, or within GRACE the one that another request made of the same token.
        """
        now = timezone.now()
        newest = type(self).objects.filter(pk=self.pk, current=used, ended_at=None)
        newest.update(
            previous=used,
            current=uuid.uuid4().hex,
            renewed_at=now,
            expires_at=now + lifetime,
        )
        self.refresh_from_db()
        is_next = self.previous == used and now - self.renewed_at < GRACE
        return is_next and self.ended_at is None

    def end(self) -> bool:
        """End it for good; return whether it had not ended before."""
        open_ones = type(self).objects.filter(pk=self.pk, ended_at=None)
        return bool(open_ones.update(ended_at=timezone.now()))
