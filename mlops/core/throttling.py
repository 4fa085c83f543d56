"""How many requests a caller may make in a minute."""

from typing import ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from mlops.core import rates
from mlops.core.authentication import SAFE_METHODS
from mlops.core.context import current


class PerMinute(BaseThrottle):
    """Counts a caller's requests of one kind; the setting holds the limit."""

    kind: ClassVar[str]
    setting: ClassVar[str]

    def allow_request(self, request: Request, view: object) -> bool:
        self.rate = rates.Rate(self.kind, getattr(settings, self.setting))
        return rates.count(self.rate, self._caller(request))

    def wait(self) -> float:
        return float(self.rate.wait_s())

    def _caller(self, request: Request) -> str:
        user = request.user
        return f"user {user.pk}" if user.pk else f"at {current.get().remote_address}"


class WriteThrottle(PerMinute):
    """Limits writes; reads are not counted."""

    kind, setting = "write", "WRITE_RATE"

    def allow_request(self, request: Request, view: object) -> bool:
        return request.method in SAFE_METHODS or super().allow_request(request, view)


class AnalyticsThrottle(PerMinute):
    """Limits expensive routes: samples, correlation, exports."""

    kind, setting = "analytics", "ANALYTICS_RATE"


class CheckThrottle(AnalyticsThrottle):
    """For routes that calculate at a write, and only list what is stored else."""

    def allow_request(self, request: Request, view: object) -> bool:
        return request.method in SAFE_METHODS or super().allow_request(request, view)
