"""Runs reconcile passes until it is stopped."""

import logging
import threading
import time

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from deployments.models import lease
from deployments.reconciler.reconciler import Pass, Reconciler
from deployments.serving.waking import WakeSocket
from deployments.wake import wake_socket
from mlops.worker.heartbeat import HEARTBEAT
from mlops.worker.thread import wake_all

logger = logging.getLogger(__name__)

BUSY_S, STANDBY_S, ERROR_PAUSE_S = 0.05, 1.0, 1.0


def run(reconciler: Reconciler, stopping: threading.Event) -> None:
    """Make passes until `stopping` is set, then release the lease.

    A pass follows at once on one that moved something, soon while something starts,
    else when woken or when something is due. A database that is away is waited for;
    what runs is not touched meanwhile.
    """
    with wake_socket() as waiting:
        reconciler.on_effect = waiting.answer
        fence = 0
        while not stopping.is_set():
            done = _pass(reconciler)
            if reconciler.lease is not None and reconciler.lease.fence != fence:
                # A standby must not take the wake-ups of the leader.
                fence = reconciler.lease.fence
                waiting.listen()
            waiting.dismiss()
            called = _rest(reconciler, waiting, _pause_after(done), stopping)
            if called or (done is not None and done.moved):
                wake_all()
    try:
        reconciler.release()
    except (DatabaseError, InterfaceError):
        logger.warning("The lease was not given back; it runs out by itself")


def _rest(
    reconciler: Reconciler,
    waiting: WakeSocket,
    seconds: float,
    stopping: threading.Event,
) -> bool:
    """Wait until woken, or for so long; return which. Renews the lease meanwhile."""
    due, renew_s = time.monotonic() + seconds, lease.TIME_TO_LIVE.total_seconds() / 3
    while not stopping.is_set():
        left_s = due - time.monotonic()
        if waiting.wait(min(left_s, renew_s), stopping):
            return True
        HEARTBEAT.beat()
        if left_s <= renew_s:
            break
        try:
            if not reconciler.keep():
                break
        except (DatabaseError, InterfaceError):
            break  # the next pass meets it too, and says so
    return False


def _pass(reconciler: Reconciler) -> Pass | None:
    began = time.monotonic()
    try:
        close_old_connections()
        done = reconciler.once()
    except (DatabaseError, InterfaceError):
        logger.exception("The database did not answer; trying again")
        connection.close()
        HEARTBEAT.beat()
        return None
    HEARTBEAT.passed(time.monotonic() - began, is_leader=done.is_leader)
    return done


def _pause_after(done: Pass | None) -> float:
    if done is None:
        return ERROR_PAUSE_S
    if not done.is_leader:
        return STANDBY_S
    if done.moved:
        return 0.0
    return BUSY_S if done.starting else done.due_s
