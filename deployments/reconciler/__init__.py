"""Brings what runs to what was asked for, one small idempotent step at a time."""

from deployments.reconciler.reconciler import Pass, Reconciler, reconcile_once

__all__ = ["Pass", "Reconciler", "reconcile_once"]
