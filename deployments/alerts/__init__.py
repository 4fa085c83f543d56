"""Sends drift events to the addresses that admins configured."""

from deployments.alerts.delivery import deliver_due

__all__ = ["deliver_due"]
