"""Runs passes for ever, until it is told to stop."""

import logging
import threading

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from deployments.kick import calls
from deployments.reconciler.reconciler import Pass, Reconciler

logger = logging.getLogger(__name__)

IDLE_S, BUSY_S, STANDBY_S, TROUBLE_S = 0.5, 0.05, 1.0, 1.0


def run(reconciler: Reconciler, stopping: threading.Event) -> None:
    """Make passes until `stopping` is set, then let the lease go.

    A pass follows at once on one that moved something, soon while something comes
    up, else after a kick or half a second. A database that is away is waited for;
    what runs is not touched meanwhile.
    """
    with calls() as waiting:
        reconciler.on_effect = waiting.answer
        while not stopping.is_set():
            done = _pass(reconciler)
            waiting.dismiss()
            waiting.wait(_pause_after(done))
    try:
        reconciler.release()
    except (DatabaseError, InterfaceError):
        logger.warning("The lease was not given back; it runs out by itself")


def _pass(reconciler: Reconciler) -> Pass | None:
    try:
        close_old_connections()
        return reconciler.once()
    except (DatabaseError, InterfaceError):
        logger.exception("The database did not answer; trying again")
        connection.close()
        return None


def _pause_after(done: Pass | None) -> float:
    if done is None:
        return TROUBLE_S
    if not done.is_leader:
        return STANDBY_S
    if done.moved:
        return 0.0
    return BUSY_S if done.starting else IDLE_S
