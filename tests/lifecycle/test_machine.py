"""Any walk over a run, and over a model version, keeps what must always hold."""

import json

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from lifecycle.models import (
    LatestMetric,
    ModelVersion,
    NewCheck,
    NewPoint,
    Param,
    Run,
)
from lifecycle.states import ChecklistStatus, ModelStage, RunStatus
from mlops.core.models import AuditEntry
from tests.core.factories import UserFactory
from tests.lifecycle.factories import ExperimentFactory, RunFactory
from tests.machines import World, walks

ENDS = {"completed", "failed", "cancelled"}
MOVES = {"scheduled": ENDS - {"completed"} | {"running"}, "running": ENDS}
STAGES = {
    "experimental": {"staging", "production", "archived"},
    "staging": {"experimental", "production", "archived"},
    "production": {"staging", "archived"},
    "archived": {"experimental", "staging"},
}
NAMES = st.sampled_from(("loss", "accuracy"))


class OneRun(World):
    """A run that is logged to, ended, deleted and restored."""

    watched = (Run, Param, LatestMetric, AuditEntry)

    def __init__(self):
        super().__init__()
        self.status = "running"
        self.points, self.params = {}, {}
        self.is_deleted = False
        self.run = RunFactory()

    @rule(status=st.sampled_from(RunStatus.values))
    def finish(self, status):
        refusal = self.tried(lambda: self.run.finish(RunStatus(status)))

        is_legal = status == self.status or status in MOVES.get(self.status, ())
        assert (refusal is None) == (is_legal and not self.is_deleted)
        if refusal is None:
            self.status = status

    @rule(
        name=NAMES,
        value=st.integers(-3, 3).map(float),
        step=st.integers(0, 3),
        at=st.integers(1, 3),
    )
    def log_a_point(self, name, value, step, at):
        point = NewPoint(name, value, step=step, timestamp_ms=at)
        refusal = self.tried(lambda: self.run.log(metrics=[point]))

        assert (refusal is None) == self.is_open
        if refusal is None:
            self.points.setdefault(name, set()).add((step, at, value))

    @rule(name=NAMES, value=st.one_of(st.integers(0, 1), st.sampled_from("ab")))
    def log_a_parameter(self, name, value):
        refusal = self.tried(lambda: self.run.log(params={name: value}))

        is_new = self.params.get(name, value) == value
        assert (refusal is None) == (self.is_open and is_new)
        if refusal is None:
            self.params[name] = value

    @rule()
    def delete(self):
        self.run.delete_softly(by=None)
        self.is_deleted = True

    @rule()
    def restore(self):
        self.run.restore(by=None)
        self.is_deleted = False

    @property
    def is_open(self):
        return self.status in MOVES and not self.is_deleted

    @invariant()
    def the_row_is_what_was_told(self):
        row = Run.objects.get(pk=self.run.pk)

        assert (row.status, row.deleted_ms is not None) == (
            self.status,
            self.is_deleted,
        )
        assert (row.ended_ms is not None) == (self.status in ENDS)

    @invariant()
    def the_newest_point_of_each_metric_is_the_latest(self):
        rows = LatestMetric.objects.filter(run=self.run).select_related("key")

        found = {row.key.name: (row.step, row.timestamp_ms, row.value) for row in rows}
        assert found == {name: max(points) for name, points in self.points.items()}

    @invariant()
    def parameters_keep_their_first_value(self):
        rows = Param.objects.filter(run=self.run).select_related("key")

        found = {
            row.key.name: json.loads(row.value) if row.is_json else row.value
            for row in rows
        }
        assert found == self.params


class OneVersion(World):
    """A version that is checked, approved and moved between stages."""

    watched = (ModelVersion, AuditEntry)

    def __init__(self):
        super().__init__()
        experiment = ExperimentFactory()
        self.people = [UserFactory() for _ in range(3)]
        run = RunFactory(experiment=experiment)
        self.version = ModelVersion.register("m", by=self.people[0], run=run)
        self.stage, self.approver, self.checks = "experimental", None, ()
        self.history, self.old = [], None

    @property
    def fresh(self):
        return ModelVersion.objects.get(pk=self.version.pk)

    @property
    def is_passed(self):
        return all(status == "passed" for status in self.checks)

    @rule(
        statuses=st.lists(st.sampled_from(ChecklistStatus.values), max_size=2).map(
            tuple
        )
    )
    def set_the_checklist(self, statuses):
        checks = [
            NewCheck(f"item {n}", ChecklistStatus(s)) for n, s in enumerate(statuses)
        ]

        assert self.tried(lambda: self.fresh.set_checklist(checks, by=None)) is None

        if statuses != self.checks:
            self.approver = None
        self.checks = statuses

    @rule(who=st.integers(0, 2))
    def approve(self, who):
        refusal = self.tried(lambda: self.fresh.approve(by=self.people[who]))

        is_again = self.approver == who
        is_free = self.approver is None and self.is_passed and self.stage != "archived"
        assert (refusal is None) == (is_again or (who != 0 and is_free))
        if refusal is None:
            self.approver = who

    @rule(stage=st.sampled_from(ModelStage.values))
    def move(self, stage):
        refusal = self.tried(lambda: self.fresh.move_to_stage(stage, by=None))

        may = stage in STAGES[self.stage]
        if stage in {"staging", "production"}:
            may = may and self.is_passed
        if stage == "production":
            may = may and self.approver is not None
        assert (refusal is None) == (may or stage == self.stage)
        if refusal is None and stage != self.stage:
            self.history.append((self.stage, stage))
            self.stage = stage

    @rule()
    def somebody_reads_and_waits(self):
        self.old = self.fresh

    @precondition(lambda self: self.old is not None)
    @rule(stage=st.sampled_from(("staging", "archived")))
    def and_moves_what_was_read(self, stage):
        before, now = (self.old.stage, self.old.approved_at), self.fresh
        refusal = self.tried(lambda: self.old.move_to_stage(stage, by=None))

        if before != (now.stage, now.approved_at):
            assert refusal is not None
        elif refusal is None and stage != self.stage:
            self.history.append((self.stage, stage))
            self.stage = stage
        self.old = None

    @invariant()
    def the_row_is_what_was_done(self):
        row = self.fresh

        approver = None if self.approver is None else self.people[self.approver]
        assert (row.stage, row.approved_by) == (self.stage, approver)
        assert row.is_approved == (approver is not None)

    @invariant()
    def the_history_has_every_move_in_order(self):
        moves = self.version.stage_changes.order_by("pk")

        assert list(moves.values_list("from_stage", "to_stage")) == self.history


test_any_walk_over_a_run = walks(OneRun, examples=16, steps=30)
test_any_walk_over_a_version = walks(OneVersion, examples=12, steps=30)
