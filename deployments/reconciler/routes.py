"""Derives every slot's route from the rows, whenever they change."""

from collections import defaultdict
from collections.abc import Mapping

from django.db.models import Count, Max, Sum

from deployments.models import Deployment, DeploymentKey, EnvironmentRule, Slot
from deployments.reconciler.memory import Memory
from deployments.reconciler.patience import patience
from deployments.serving.terms import Route, RouteEntry
from deployments.states import Rollout, Status
from deployments.targets.base import Target

REWRITE_S = 10.0
"""How often routes are told again although nothing has changed."""


def wanted_routes(rules: Mapping[str, EnvironmentRule]) -> dict[int, Route]:
    """Return the route of each slot with traffic, in two queries."""
    rates = {name: rule.sample_rate for name, rule in rules.items()}
    keys = defaultdict(set)
    for slot_id, digest in DeploymentKey.objects.live().values_list("slot", "digest"):
        keys[slot_id].add(digest)
    rows = (
        Deployment.objects.with_traffic()
        .order_by("slot", "revision")
        .values_list(
            "slot",
            "slot__environment",
            "slot__model__name",
            "pk",
            "model_version__version",
            "traffic_percent",
            "strategy",
            "status",
        )
    )
    entries: dict[tuple[int, str, str], list[RouteEntry]] = defaultdict(list)
    for slot, environment, model, pk, version, percent, strategy, status in rows:
        is_shadow = (
            status == Status.DEPLOYING and strategy.get("type") == Rollout.SHADOW
        )
        entry = RouteEntry(str(pk), version, percent, is_shadow)
        entries[slot, environment, model].append(entry)
    return {
        slot: Route(
            environment,
            model,
            tuple(shares),
            frozenset(keys[slot]),
            rates.get(environment, 0.0),
        )
        for (slot, environment, model), shares in entries.items()
    }


def send_routes(
    targets: Mapping[str, Target],
    memory: Memory,
    rules: Mapping[str, EnvironmentRule],
) -> set[str]:
    """Tell the targets the routes that are new to them, and all now and then.

    Returns the environments where a route still says something else, because its
    target had trouble: nothing that runs there may be stopped.
    """
    again, state = memory.is_due("routes", REWRITE_S), _state(rules)
    if state == memory.routed_for and not again:
        return set()
    stale = _send(targets, memory, wanted_routes(rules), again=again)
    memory.routed_for = None if stale else state
    return stale


def _state(rules: Mapping[str, EnvironmentRule]) -> object:
    """Return what changes with any route, in two cheap queries.

    A wall clock that jumps back may hide a change; `REWRITE_S` later it is seen.
    """
    traffic = Deployment.objects.with_traffic().aggregate(
        Count("pk"), Max("updated_at"), Sum("generation"), Sum("traffic_percent")
    )
    keys = DeploymentKey.objects.live().aggregate(Count("pk"), Max("created_at"))
    rates = sorted((name, rule.sample_rate) for name, rule in rules.items())
    return traffic, keys, rates


def _send(
    targets: Mapping[str, Target],
    memory: Memory,
    wanted: Mapping[int, Route],
    *,
    again: bool,
) -> set[str]:
    known, stale = memory.routes, set()
    if memory.routed_at is None:
        memory.routed_at = memory.clock()
        known |= _unused(wanted)
    for slot, route in wanted.items():
        if again or known.get(slot) != route:
            if _told(targets, route):
                known[slot] = route
            elif known.get(slot) != route:
                stale.add(route.environment)
    for slot in sorted(known.keys() - wanted.keys()):
        gone = known[slot]
        if _told(targets, Route(gone.environment, gone.model_name)):
            del known[slot]
        else:
            stale.add(gone.environment)
    return stale


def _told(targets: Mapping[str, Target], route: Route) -> bool:
    """Tell a target a route; say whether it took it."""
    with patience("route"):
        targets[route.environment].route(route)
        return True
    return False


def _unused(wanted: Mapping[int, Route]) -> dict[int, Route]:
    """Return the routes that an earlier reconciler may have left open."""
    slots = Slot.objects.order_by("pk").values_list("pk", "environment", "model__name")
    return {
        pk: Route(environment, model)
        for pk, environment, model in slots.iterator(chunk_size=2000)
        if pk not in wanted
    }
