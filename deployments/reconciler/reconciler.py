"""The reconciler: one bounded pass over what is open, level-triggered.

Nothing is remembered that could not be forgotten: rows say what is wanted, targets
say what runs, and each pass takes them one step nearer to each other. It may be
killed anywhere.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from deployments.errors import LeaseLost
from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.models.queries import DeploymentQuerySet
from deployments.models.watch import RECONCILER
from deployments.reconciler import tokens
from deployments.reconciler.comparing import Comparing
from deployments.reconciler.orphans import stop_orphans
from deployments.reconciler.pass_memory import Memory
from deployments.reconciler.probation import on_probation
from deployments.reconciler.pruning import prune_traffic, store_usage
from deployments.reconciler.routes import Routing
from deployments.reconciler.spool import Spool
from deployments.reconciler.steps import Steps
from deployments.reconciler.transient_errors import retried_next_pass
from deployments.states import STARTED, Status
from deployments.targets.base import Target

logger = logging.getLogger(__name__)

BATCH = 100
"""How many rows of each kind one pass takes up at most."""
MAX_STARTING = 32
"""How many deployments may be validated or brought up at the same time."""
MAX_JUDGED = 500
SOON_S, REST_S = 0.5, 10.0
"""The pause while something is wrong or there are more rows than one pass takes up,
and the longest of all: what serves is looked at so often."""
JUDGE_S, KEYS_S, PRUNE_S, FORGET_S, COMPARE_S, USAGE_S = (
    *(1.0, 2.0, 60.0, 60.0, 60.0),
    300.0,
)


@dataclass(frozen=True, slots=True)
class Pass:
    """Result of one pass: steps taken, and deployments that are still busy.

    `due_s` is after how long the next one has something to look at, unless somebody
    calls for it before.
    """

    is_leader: bool
    moved: int = 0
    starting: int = 0
    due_s: float = 0.0


@dataclass(slots=True)
class Reconciler:
    """Reconciles as long as it holds the lease; `targets` maps environments.

    `on_effect` is called within a pass, when all that was in the rows when it began
    about keys, tokens and ends has taken effect.
    """

    targets: Mapping[str, Target]
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    folder: Path = field(default_factory=lambda: Path(settings.DATA_DIR))
    clock: Callable[[], float] = time.monotonic
    on_effect: Callable[[], None] = field(default=lambda: None)
    memory: Memory = field(init=False)
    spool: Spool = field(init=False)
    lease: Lease | None = None

    def __post_init__(self) -> None:
        self.memory = Memory(self.clock)
        self.spool = Spool(self.folder / "traffic")

    def once(self) -> Pass:
        """Make one pass, if the lease is to be had.

        Routes before rows before orphans: a row says what has taken effect, and
        nothing is stopped that a route still names.
        """
        fence = self.lease.fence if self.lease else None
        self.lease = Lease.take(RECONCILER, self.holder)
        if self.lease is None:
            return self._stand_down()
        if self.lease.fence != fence:
            self.memory.forget()
        try:
            return self._pass(self.lease)
        except LeaseLost:
            return self._stand_down()

    def keep(self) -> bool:
        """Keep the lease between two passes; False if that is lost."""
        return self.lease is not None and self.lease.renew()

    def release(self) -> None:
        """Release the lease at once; instances keep running."""
        if self.lease is not None:
            self.lease.release()
            self.lease = None

    def distinct_targets(self) -> list[Target]:
        """Return each target once, however many environments it serves."""
        return list({id(target): target for target in self.targets.values()}.values())

    def _routed_targets(self, stale: set[str]) -> list[Target]:
        """Return the targets of which no environment has a route out of date."""
        kept = {id(self.targets[environment]) for environment in stale}
        return [one for one in self.distinct_targets() if id(one) not in kept]

    def _pass(self, lease: Lease) -> Pass:
        for target in self.distinct_targets():
            with retried_next_pass("tick"):
                target.tick()
        rules = {rule.environment: rule for rule in EnvironmentRule.objects.all()}
        routing = Routing(self.targets, self.memory, rules)
        steps = Steps(lease, self.memory, rules, routing, self.targets)

        def judge() -> int:
            return self._judge(lease, routing, steps.judged)

        self.memory.has_more = False
        counts = self._counts()
        stale = self._publish(lease, routing)
        moved = steps.take_all(_whole(Deployment.objects.ending())[:BATCH])
        if not stale:
            self.on_effect()
        moved += judge()
        if counts[Status.PENDING]:
            moved += steps.take_all(self._startable(), judge)
        if moved or counts[Status.VALIDATING] or counts[Status.DEPLOYING]:
            moved += steps.take_all(self._next("started", STARTED), judge)
        if moved or counts[Status.ACTIVE]:
            if counts[Status.ACTIVE] < BATCH:
                self.memory.cursors.pop("active", None)  # one query finds them all
            moved += steps.take_all(self._next("active", {Status.ACTIVE}), judge)
        stop_orphans(self._routed_targets(stale), self.memory.routes.values())
        self._compare(lease, rules, counts)
        self._housekeeping(lease)
        return Pass(
            is_leader=True,
            moved=moved,
            starting=self._starting() if moved or set(counts) & STARTED else 0,
            due_s=SOON_S if stale else self._due_s(),
        )

    def _due_s(self) -> float:
        """Return how long nothing needs a look, if nobody calls.

        Targets wake it when what runs changes, gateways when they counted something.
        """
        memory = self.memory
        is_uneasy = memory.down_since or Deployment.objects.ending().exists()
        if is_uneasy or memory.has_more or memory.is_comparing:
            return SOON_S
        expiry_s = REST_S
        if memory.expires_at is not None:
            expiry_s = max((memory.expires_at - timezone.now()).total_seconds(), 0.05)
        return min(JUDGE_S if self._is_judge_due() else REST_S, expiry_s)

    def _is_judge_due(self) -> bool:
        """Whether the judge may soon see more than it saw last.

        A rollout goes on by time. What only bakes has no other verdict until something
        is counted, and whoever counts calls.
        """
        memory = self.memory
        return memory.has_rollout or (memory.has_probation and memory.has_counts)

    def _publish(self, lease: Lease, routing: Routing) -> set[str]:
        """Publish tokens and routes; return where they may not have taken effect.

        This comes first: an earlier one may have been killed between a route and the
        row that was to say so.
        """
        lease.require()  # we may have slept past our lease: publish no stale routes
        state = tokens.state()
        if self.memory.is_due("keys", KEYS_S) or state != self.memory.admitted_for:
            access, self.memory.admitted_for = tokens.token_access(), state
            self.memory.expires_at = tokens.next_expiry()
            for target in self.distinct_targets():
                with retried_next_pass("admit"):
                    target.admit(access)
                    continue
                self.memory.admitted_for = None
        return routing.send()

    def _judge(self, lease: Lease, routing: Routing, judged: set[uuid.UUID]) -> int:
        """Look at all that bakes or rolls out, whatever else there is to do.

        Called often; once a second it looks, on what was counted until then. It adds
        what it looked at to the `judged`: the rest of the pass need not look again.
        """
        if not self.memory.is_due("judge", JUDGE_S):
            return 0
        rows = Deployment.objects.filter(on_probation(routing.rules))
        due = list(_whole(rows.order_by("-created_at"))[:MAX_JUDGED])
        self.memory.has_probation = bool(due)
        self.memory.has_rollout = any(one.is_rolling_out for one in due)
        if not due:
            return 0
        self.memory.has_counts = True  # until it is known that all were taken in
        with retried_next_pass("take in the traffic"):
            self.spool.ingest(lease)
            self.memory.has_counts = False
        steps = Steps(lease, self.memory, routing.rules, routing, self.targets)
        judged |= {one.pk for one in due}
        return steps.take_all(due)

    def _counts(self) -> Counter[str]:
        """Return how many rows have which open status: most passes find few of them."""
        rows = Deployment.objects.open().order_by().values_list("status")
        return Counter(dict(rows.annotate(Count("pk"))))

    def _startable(self) -> list[Deployment]:
        """Return pending ones, the oldest first, as many as may start now."""
        free = min(MAX_STARTING - self._starting(), BATCH)
        return list(_whole(Deployment.objects.startable())[: max(free, 0)])

    def _starting(self) -> int:
        return Deployment.objects.started().filter(rollout_at=None).count()

    def _next(
        self, name: str, statuses: set[Status] | frozenset[Status]
    ) -> list[Deployment]:
        """Return the next batch in the order of creation, round and round."""
        rows = _whole(Deployment.objects.filter(status__in=statuses))
        rows = rows.order_by("created_at", "pk")
        after = self.memory.cursors.get(name)
        batch = list(rows.after(*after)[:BATCH] if after else rows[:BATCH])
        self.memory.has_more = self.memory.has_more or len(batch) == BATCH
        if len(batch) < BATCH and after:
            seen = {one.pk for one in batch}
            rest = rows[: BATCH - len(batch)]
            batch += [one for one in rest if one.pk not in seen]
        if batch:
            self.memory.cursors[name] = (batch[-1].created_at, batch[-1].pk)
        return batch

    def _compare(
        self,
        lease: Lease,
        rules: Mapping[str, EnvironmentRule],
        counts: Mapping[str, int],
    ) -> None:
        """Compare under newer reading rules, unless a validation is waiting."""
        memory = self.memory
        if counts[Status.VALIDATING]:
            return
        if memory.is_comparing or memory.is_due("compare", COMPARE_S):
            memory.is_comparing = Comparing(lease, rules, self.targets).look()

    def _housekeeping(self, lease: Lease) -> None:
        with retried_next_pass("take in the traffic"):
            if self.spool.ingest(lease):
                self.memory.has_counts = True  # which the judge has not seen
        if self.memory.is_due("prune", PRUNE_S):
            prune_traffic(lease)
        if self.memory.is_due("usage", USAGE_S):
            with retried_next_pass("take in the use of keys"):
                store_usage(lease)
        if self.memory.is_due("forget", FORGET_S):
            open_ids = Deployment.objects.open().values_list("pk", flat=True)
            self.memory.keep_only(set(open_ids))

    def _stand_down(self) -> Pass:
        """Release what runs here; the holder of the lease takes it over."""
        if self.memory.routed_at is not None:
            logger.warning("Another reconciler holds the lease; standing by")
            for target in self.distinct_targets():
                target.close()
        self.memory.forget()
        self.lease = None
        return Pass(is_leader=False)


def reconcile_once(targets: Mapping[str, Target], lease: str = "") -> Pass:
    """Make a single pass with nothing remembered, as the holder `lease`."""
    return Reconciler(targets, holder=lease or uuid.uuid4().hex).once()


def _whole(rows: DeploymentQuerySet) -> DeploymentQuerySet:
    return rows.select_related("slot__model", "model_version", "artifact", "created_by")
