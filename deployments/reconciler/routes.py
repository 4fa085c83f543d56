"""Derives every slot's route from the rows, and publishes it before the row changes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from django.db.models import Count, Max, Sum

from deployments.models import Deployment, DeploymentKey, EnvironmentRule, Slot
from deployments.models.queries import DeploymentQuerySet
from deployments.plan import FULL, Strategy
from deployments.reconciler.pass_memory import Memory
from deployments.reconciler.transient_errors import retried_next_pass
from deployments.serving.terms import CallLimits, LimitedKey, Route, RouteEntry
from deployments.states import Rollout, Status
from deployments.targets.base import Target

REWRITE_S = 60.0
"""How often routes are published again although nothing has changed."""


@dataclass(frozen=True, slots=True)
class RoutedDeployment:
    """A deployment with a share of its slot: all of it, or a rollout step."""

    deployment_id: str
    version: str
    kind: Rollout = Rollout.ALL_AT_ONCE
    percent: int = FULL
    sticky_by: str = ""
    limits: CallLimits = field(default_factory=CallLimits)

    @classmethod
    def whole(cls, deployment: Deployment) -> "RoutedDeployment":
        version, limits = deployment.model_version.version, deployment.plan.limits
        return cls(str(deployment.pk), version, limits=limits)

    @classmethod
    def at_step(cls, deployment: Deployment, step: int) -> "RoutedDeployment":
        """Return it as it is at a step of its canary, or as a shadow."""
        plan = deployment.plan.strategy
        percent = plan.steps[step] if plan.steps else 0
        return cls(
            str(deployment.pk),
            deployment.model_version.version,
            plan.kind,
            percent,
            plan.sticky_name,
            deployment.plan.limits,
        )

    def entry(self, percent: int, *, is_shadow: bool = False) -> RouteEntry:
        return RouteEntry(
            self.deployment_id,
            self.version,
            percent,
            is_shadow,
            self.sticky_by,
            self.limits,
        )


def entries(
    active: RoutedDeployment | None, rolling: RoutedDeployment | None
) -> tuple[RouteEntry, ...]:
    """Return the shares of a slot: a canary beside nothing gets everything."""
    found = []
    if active is not None:
        taken = rolling.percent if rolling is not None else 0
        found.append(active.entry(FULL - taken))
    if rolling is not None:
        is_shadow = rolling.kind == Rollout.SHADOW
        share = rolling.percent if active is not None or is_shadow else FULL
        found.append(rolling.entry(share, is_shadow=is_shadow))
    return tuple(found)


@dataclass(slots=True)
class Routing:
    """Publishes routes to targets, and remembers which ones they accepted."""

    targets: Mapping[str, Target]
    memory: Memory
    rules: Mapping[str, EnvironmentRule]

    def lead(
        self,
        slot: Slot,
        active: RoutedDeployment | None,
        rolling: RoutedDeployment | None = None,
    ) -> None:
        """Route the slot to these, and return when that has taken effect.

        If the row then cannot be written, call `restore`. After TransientTargetError
        or OSError, either the old or the new route may be in effect.
        """
        route = Route(
            slot.environment,
            slot.model.name,
            entries(active, rolling),
            *_opened_by(self._keys([slot.pk])[slot.pk], self._rate(slot.environment)),
        )
        target = self.targets[slot.environment]
        # Until it is known to have taken effect, the slot counts as unrouted: `send`
        # publishes what the rows say, whatever it is.
        self.memory.routed_for = None
        self.memory.routes[slot.pk] = Route(slot.environment, slot.model.name)
        target.route(route)
        target.settle()
        self.memory.routes[slot.pk] = route

    def without(self, deployment: Deployment) -> None:
        """Route the slot by the rows, leaving this deployment out."""
        active, rolling = _routed_in(deployment.slot, without=deployment)
        self.lead(deployment.slot, active, rolling)

    def restore(self, slot: Slot) -> None:
        """Route the slot by the rows again: the status could not be written."""
        with retried_next_pass("take a route back"):
            self.lead(slot, *_routed_in(slot))

    def send(self) -> set[str]:
        """Publish the routes that changed, and all of them now and then.

        Returns the environments where a route still says something else, because its
        target failed: nothing that runs there may be stopped.
        """
        again, state = self.memory.is_due("routes", REWRITE_S), self._state()
        stale = set[str]()
        if again or state != self.memory.routed_for:
            stale = self._send(self._wanted(), again=again)
        stale |= self._settle(stale)
        self.memory.routed_for = None if stale else state
        return stale

    def _wanted(self) -> dict[int, Route]:
        """Return the route of each slot with traffic, in two queries."""
        keys = self._keys()
        by_slot: dict[tuple[int, str, str], list[RoutedDeployment | None]]
        by_slot = defaultdict(lambda: [None, None])
        for place, is_active, routed in _rows(Deployment.objects.all()):
            by_slot[place][0 if is_active else 1] = routed
        return {
            slot: Route(
                environment,
                model,
                entries(active, rolling),
                *_opened_by(keys[slot], self._rate(environment)),
            )
            for (slot, environment, model), (active, rolling) in by_slot.items()
        }

    def _state(self) -> object:
        """Return what changes with any route, in two cheap queries.

        A wall clock that jumps back may hide a change; `REWRITE_S` later it is seen.
        """
        traffic = Deployment.objects.with_traffic().aggregate(
            Count("pk"), Max("updated_at"), Sum("generation")
        )
        keys = DeploymentKey.objects.live().aggregate(Count("pk"), Max("created_at"))
        rates = sorted((name, rule.sample_rate) for name, rule in self.rules.items())
        return traffic, keys, rates

    def _send(self, wanted: Mapping[int, Route], *, again: bool) -> set[str]:
        memory = self.memory
        known, stale = memory.routes, set()
        if memory.routed_at is None:
            memory.routed_at = memory.clock()
            known |= _unused(wanted)
        for slot, route in wanted.items():
            if again or known.get(slot) != route:
                if self._publish(route):
                    known[slot] = route
                elif known.get(slot) != route:
                    stale.add(route.environment)
        for slot in sorted(known.keys() - wanted.keys()):
            gone = known[slot]
            if self._publish(Route(gone.environment, gone.model_name)):
                del known[slot]
            else:
                stale.add(gone.environment)
        return stale

    def _settle(self, stale: Collection[str]) -> set[str]:
        """Wait until the routes have taken effect; return where that is not known."""
        uncertain = set[str]()
        for target in {id(one): one for one in self.targets.values()}.values():
            places = {name for name, one in self.targets.items() if one is target}
            with retried_next_pass("settle"):
                target.settle()
                if not places & set(stale):
                    target.complete()
                continue
            uncertain |= places
        return uncertain

    def _publish(self, route: Route) -> bool:
        """Publish a route to its target; return whether that accepted it."""
        with retried_next_pass("route"):
            self.targets[route.environment].route(route)
            return True
        return False

    def _keys(
        self, slots: Collection[int] | None = None
    ) -> dict[int, list[LimitedKey]]:
        live = DeploymentKey.objects.live()
        if slots is not None:
            live = live.filter(slot__in=slots)
        found: dict[int, list[LimitedKey]] = defaultdict(list)
        columns = ("slot", "digest", "expires_at", "rate_per_minute", "daily_quota")
        rows = live.values_list(*columns, "deployment")
        for slot, digest, expires_at, rate, quota, deployment in rows:
            until = expires_at.timestamp() if expires_at is not None else None
            only = str(deployment or "")
            found[slot].append(LimitedKey(digest, until, rate, quota, only))
        return found

    def _rate(self, environment: str) -> float:
        rule = self.rules.get(environment)
        return rule.sample_rate if rule is not None else 0.0


def _opened_by(
    keys: Collection[LimitedKey], rate: float
) -> tuple[frozenset[str], float, tuple[LimitedKey, ...]]:
    """Return the last parts of a route: its keys, sample rate and limited keys."""
    limited = [key for key in keys if key != LimitedKey(key.digest)]
    limited.sort(key=lambda key: key.digest)
    return frozenset(key.digest for key in keys), rate, tuple(limited)


def _routed_in(
    slot: Slot, *, without: Deployment | None = None
) -> tuple[RoutedDeployment | None, RoutedDeployment | None]:
    """Return what the rows give the slot to: its active one, its canary or shadow."""
    rows = Deployment.objects.filter(slot=slot)
    if without is not None:
        rows = rows.exclude(pk=without.pk)
    found = {is_active: routed for _, is_active, routed in _rows(rows)}
    return found.get(True), found.get(False)


def _rows(
    rows: DeploymentQuerySet,
) -> Iterator[tuple[tuple[int, str, str], bool, RoutedDeployment]]:
    """Yield who has a part in which slot, and whether as the active one."""
    found = rows.with_traffic().filter(ends_as="").order_by("slot", "revision")
    columns = found.values_list(
        "slot",
        "slot__environment",
        "slot__model__name",
        "pk",
        "model_version__version",
        "status",
        "strategy",
        "rollout_step",
        "timeout_s",
        "max_concurrency",
        "max_body_bytes",
    )
    for slot, environment, model, pk, version, status, stored, step, *own in columns:
        place, is_active = (slot, environment, model), status == Status.ACTIVE
        limits = CallLimits(*own)
        if is_active:
            yield place, True, RoutedDeployment(str(pk), version, limits=limits)
            continue
        plan = Strategy.of(stored)
        percent = plan.steps[step] if plan.steps else 0
        part = (plan.kind, percent, plan.sticky_name, limits)
        yield place, False, RoutedDeployment(str(pk), version, *part)


def _unused(wanted: Mapping[int, Route]) -> dict[int, Route]:
    """Return the routes that an earlier reconciler may have left open."""
    slots = Slot.objects.order_by("pk").values_list("pk", "environment", "model__name")
    return {
        pk: Route(environment, model)
        for pk, environment, model in slots.iterator(chunk_size=2000)
        if pk not in wanted
    }
