"""Reconciler: brings the observed state to the desired one in idempotent steps."""

from deployments.reconciler.reconciler import Pass, Reconciler, reconcile_once

__all__ = ["Pass", "Reconciler", "reconcile_once"]
