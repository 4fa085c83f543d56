"""Stops orphans: processes that no deployment wants."""

from collections.abc import Collection, Iterable

from deployments.models import Deployment
from deployments.reconciler.transient_errors import retried_next_pass
from deployments.serving.terms import Route
from deployments.states import STARTED, Status
from deployments.targets.base import Target
from mlops.core.ids import as_uuid

CHUNK = 500
WANTED = STARTED | {Status.ACTIVE}


def stop_orphans(targets: Iterable[Target], routes: Collection[Route]) -> int:
    """Stop everything that is neither starting nor serving; return how many.

    What a route names serves, without asking for its row. This is also how a
    superseded deployment ends: its route is gone by now, so what is in flight runs
    out.
    """
    stopped, routed = 0, {one.deployment_id for each in routes for one in each.entries}
    for target in targets:
        running: list[str] = []
        with retried_next_pass("list what runs"):
            running = target.list()
        doubtful = [one for one in running if one not in routed]
        wanted = _wanted(doubtful)
        for deployment_id in doubtful:
            if deployment_id not in wanted:
                with retried_next_pass("stop orphans"):
                    target.stop(deployment_id)
                    stopped += 1
    return stopped


def _wanted(running: list[str]) -> set[str]:
    known = [pk for text in running if (pk := as_uuid(text)) is not None]
    wanted: set[str] = set()
    for start in range(0, len(known), CHUNK):
        rows = Deployment.objects.filter(
            pk__in=known[start : start + CHUNK], status__in=WANTED
        )
        wanted.update(str(pk) for pk in rows.values_list("pk", flat=True))
    return wanted
