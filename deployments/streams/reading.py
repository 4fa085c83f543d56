"""What streams of many deployments need to know, in a constant number of queries."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import Model, OuterRef, Subquery

from deployments.models import Deployment, DeploymentEvent
from deployments.models.figures import Figures
from deployments.models.watch import Watch
from deployments.serializers import DeploymentSerializer, context_of


@dataclass(frozen=True, slots=True)
class WatchedState:
    """A deployment's row, its newest event's number and what else an answer shows."""

    deployment: Deployment
    sequence: int
    context: Mapping[str, Any]
    inputs: tuple[Any, ...]
    """All that `rendered` makes an answer of: while it is equal, the answer is."""

    def rendered(self) -> bytes:
        """Return the deployment as getDeployment answers it, without logs."""
        shown = DeploymentSerializer(self.deployment, context=self.context).data
        return orjson.dumps(shown, default=str)


def read(deployment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, WatchedState]:
    """Return what there is of these now, in four queries. Deleted ones are left out.

    The row and the number of its newest event are of one moment: whoever reads that a
    deployment has ended also knows of the event that says so.
    """
    newest = DeploymentEvent.objects.filter(deployment=OuterRef("pk"))
    number = newest.order_by("-sequence").values("sequence")[:1]
    rows = Deployment.objects.detailed().filter(pk__in=list(deployment_ids))
    found = list(rows.annotate(newest_event=Subquery(number)))
    context = context_of(found)
    return {row.pk: _reading(row, context) for row in found}


def events_behind(
    positions: Mapping[uuid.UUID, int],
) -> dict[uuid.UUID, list[DeploymentEvent]]:
    """Return each deployment's events behind a number, in order, in one query."""
    found: dict[uuid.UUID, list[DeploymentEvent]] = defaultdict(list)
    if not positions:
        return found
    events = DeploymentEvent.objects.filter(
        deployment__in=list(positions), sequence__gt=min(positions.values())
    )
    for event in events.select_related("actor").order_by("sequence"):
        if event.sequence > positions[event.deployment_id]:
            found[event.deployment_id].append(event)
    return found


def _reading(row: Deployment, context: Mapping[str, Any]) -> WatchedState:
    number: int = vars(row)["newest_event"] or 0
    return WatchedState(row, number, context, _inputs_of(row, context))


def _inputs_of(deployment: Deployment, context: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what an answer depends on. Counts are dated only where there are any."""
    watch: Watch = context["watch"]
    figures: Figures | None = context["figures"].get(deployment.pk)
    version = deployment.model_version
    rows = (
        *(deployment, deployment.slot, deployment.slot.model, deployment.created_by),
        *(version, version.run, version.run.experiment if version.run else None),
    )
    return (
        *map(_stored, rows),
        figures,
        context["undoing"].get(deployment.pk),
        watch.is_kept,
        watch.counted_at if figures is not None else None,
        None if watch.is_kept else watch.seen_at,
    )


def _stored(row: Model | None) -> dict[str, Any] | None:
    """Return a row's own values, as they were read."""
    if row is None:
        return None
    return {name: value for name, value in vars(row).items() if name != "_state"}
