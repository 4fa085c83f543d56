"""Any walk of people and a reconciler over one slot keeps what must always hold."""

import itertools

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from deployments.errors import StaleDeployment
from deployments.models import Deployment, DeploymentEvent
from deployments.plan import DeploymentPlan, Strategy
from deployments.states import Rollout
from mlops.core.models import AuditEntry
from tests.deployments.factories import VersionFactory
from tests.deployments.test_states import LEGAL
from tests.lifecycle.factories import RegisteredModelFactory
from tests.machines import World, walks

ENDED = {"failed", "rollback", "terminated"}
PLANS = (
    DeploymentPlan(),
    DeploymentPlan(strategy=Strategy(Rollout.CANARY, (10, 50))),
    DeploymentPlan(strategy=Strategy(Rollout.SHADOW)),
)
BY_PEOPLE = ("cancel", "terminate")
OF_ROLLOUTS = ("promote", "pause", "resume", "abort")
NEXT = {
    "pending": "begin_validating",
    "validating": "begin_deploying",
    "deploying": "activate",
}
BY_RECONCILER = (*NEXT.values(), "fail")
NOT_UNDONE = {"nothing_to_roll_back_to", "deployment_in_progress", "illegal_transition"}
"""Why what serves is not: none before it, one on its way, it ends already."""
WHICH = st.integers(0, 30)


class Slot(World):
    """Three versions of a model, deployed, canaried, ended and rolled back at will."""

    watched = (Deployment, DeploymentEvent, AuditEntry)

    def __init__(self):
        super().__init__()
        model = RegisteredModelFactory()
        self.versions = [VersionFactory(model=model) for _ in range(3)]
        self.ended, self.old, self.is_asked = {}, None, False

    def one(self, which, among=None):
        """Return one of the deployments, the newest for 0; None if there is none."""
        rows = Deployment.objects.all() if among is None else among
        found = list(rows.select_related("slot").order_by("-revision"))
        return found[which % len(found)] if found else None

    @rule(version=st.integers(0, 2), plan=st.sampled_from(PLANS))
    def ask(self, version, plan):
        asked = self.versions[version], "development"
        refusal = self.tried(lambda: Deployment.request(*asked, by=None, plan=plan))

        assert refusal is None or refusal.code == "deployment_in_progress"
        self.is_asked = True

    @precondition(lambda self: self.is_asked)
    @rule(which=WHICH, verb=st.sampled_from(BY_PEOPLE))
    def a_person_acts(self, which, verb):
        deployment = self.one(which)
        self.tried(lambda: getattr(deployment, verb)(by=None))

    @precondition(lambda self: self.is_asked)
    @rule(which=WHICH, verb=st.sampled_from(OF_ROLLOUTS))
    def a_person_steers(self, which, verb):
        deployment = self.one(which)
        is_under_way = deployment.is_rolling_out and not deployment.ends_as
        refusal = self.tried(lambda: getattr(deployment.rollout, verb)(by=None))

        assert (refusal is None) == is_under_way

    @precondition(lambda self: self.is_asked)
    @rule(which=WHICH)
    def roll_back(self, which):
        deployment = self.one(which)
        refusal = self.tried(lambda: deployment.roll_back(reason="worse"))

        if deployment.status != "active":
            assert refusal.code == "not_active"
        elif refusal is not None:
            assert refusal.code in NOT_UNDONE

    @precondition(lambda self: self.is_asked)
    @rule(which=WHICH, verb=st.sampled_from(BY_RECONCILER))
    def the_reconciler_steps(self, which, verb):
        deployment = self.one(which, Deployment.objects.open())
        if deployment is not None:
            asked = ("no luck",) if verb == "fail" else ()
            self.tried(lambda: getattr(deployment, verb)(*asked))

    @precondition(lambda self: self.is_asked)
    @rule(steps=st.integers(1, 3))
    def the_oldest_goes_on(self, steps):
        """Take the next steps of the oldest one on its way, as passes do."""
        for _ in range(steps):
            deployment = self.one(-1, Deployment.objects.in_progress())
            if deployment is not None:
                self.tried(getattr(deployment, NEXT[deployment.status]))

    @precondition(lambda self: self.is_asked)
    @rule()
    def rollouts_go_on(self):
        for deployment in Deployment.objects.filter(status="deploying", ends_as=""):
            strategy = deployment.plan.strategy
            if strategy.kind != Rollout.ALL_AT_ONCE and deployment.rollout_at is None:
                self.tried(deployment.rollout.begin)
            elif deployment.rollout_step + 1 < len(strategy.steps):
                self.tried(deployment.rollout.advance)

    @precondition(lambda self: self.is_asked)
    @rule()
    def what_is_to_end_ends(self):
        for deployment in Deployment.objects.ending():
            assert self.tried(deployment.end_as_requested) is None

    @precondition(lambda self: self.is_asked)
    @rule(which=WHICH)
    def somebody_reads_and_waits(self, which):
        self.old = self.one(which)

    @precondition(lambda self: self.old is not None)
    @rule(verb=st.sampled_from(BY_PEOPLE))
    def and_acts_by_what_was_read(self, verb):
        old, self.old = self.old, None
        has_changed = Deployment.objects.get(pk=old.pk).generation != old.generation
        refusal = self.tried(lambda: getattr(old, verb)(by=None))

        assert refusal is not None or not has_changed
        assert has_changed or not isinstance(refusal, StaleDeployment)

    @invariant()
    def what_is_written_makes_sense(self):
        rows = list(Deployment.objects.order_by("revision"))
        events = DeploymentEvent.objects.order_by("deployment_id", "sequence")
        told = {
            key: list(group)
            for key, group in itertools.groupby(events, lambda e: e.deployment_id)
        }

        one_serves_and_one_starts(rows)
        for row in rows:
            every_move_was_legal_and_told(row, told[row.pk])
        self.what_has_ended_stays_as_it_was(rows)
        who_undoes_serves_a_version_that_served(rows)

    def what_has_ended_stays_as_it_was(self, rows):
        for row in rows:
            if row.status in ENDED:
                last = (row.status, row.generation, row.terminated_at)
                assert self.ended.setdefault(row.pk, last) == last
                assert row.terminated_at is not None
                assert (row.traffic_percent, row.ends_as) == (0, "")


def one_serves_and_one_starts(rows):
    statuses = [row.status for row in rows]

    assert statuses.count("active") <= 1
    assert statuses.count("validating") + statuses.count("deploying") <= 1
    if "active" in statuses:
        assert sum(row.traffic_percent for row in rows) == 100


def every_move_was_legal_and_told(row, events):
    at = ""
    for number, event in enumerate(events, 1):
        assert (event.sequence, event.from_status) == (number, at)
        if at and event.to_status != at:
            assert event.mover in LEGAL[at, event.to_status]
        at = event.to_status
    assert at == row.status


def who_undoes_serves_a_version_that_served(rows):
    by_key = {row.pk: row for row in rows}
    for row in rows:
        if row.rollback_from_id is not None:
            restored = by_key[row.restores_id]
            assert restored.deployed_at is not None
            assert restored.revision < by_key[row.rollback_from_id].revision
            assert row.model_version_id == restored.model_version_id


test_any_walk_over_a_slot = walks(Slot, examples=8, steps=30)
