"""Counts requests in windows of time, exactly, for all processes together."""

import hashlib
import time
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F

from mlops.core.models import RateCount

_KEPT_WINDOWS = 2


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` per `seconds`; 0 means no limit."""

    kind: str
    limit: int
    seconds: int = 60

    def window(self) -> int:
        return int(time.time()) // self.seconds

    def wait_s(self) -> int:
        """Return the seconds until the present window ends, at least 1."""
        return self.seconds - int(time.time()) % self.seconds


def used_up(rate: Rate, *caller: str) -> bool:
    """Return whether the caller has reached the limit, without counting."""
    if not rate.limit:
        return False
    return RateCount.objects.filter(
        kind=rate.kind,
        caller=_key(caller),
        window=rate.window(),
        count__gte=rate.limit,
    ).exists()


def count(rate: Rate, *caller: str) -> bool:
    """Count one request; return False when it is above the limit."""
    if not rate.limit:
        return True
    place = {"kind": rate.kind, "caller": _key(caller), "window": rate.window()}
    rows = RateCount.objects.filter(**place)
    if not rows.update(count=F("count") + 1):
        try:
            with transaction.atomic():
                RateCount.objects.create(**place)
        except IntegrityError:  # another process opened the window just now
            rows.update(count=F("count") + 1)
        else:
            _forget(rate)
    return not rows.filter(count__gt=rate.limit).exists()


def _forget(rate: Rate) -> None:
    """Delete expired windows of all callers."""
    RateCount.objects.filter(
        kind=rate.kind, window__lt=rate.window() - _KEPT_WINDOWS
    ).delete()


def _key(caller: tuple[str, ...]) -> str:
    """Return a fixed-length hash: names and addresses are not stored in the clear."""
    return hashlib.sha256("\0".join(caller).encode()).hexdigest()
