"""Asking for a deployment: the gate, the twin, and what comes of it."""

import pytest

from deployments.errors import (
    ApprovalMissing,
    DeploymentInProgress,
    IllegalTransition,
    MayNotDeploy,
    NotActive,
    NotRollingOut,
    VersionArchived,
)
from deployments.models import Deployment, EnvironmentRule
from deployments.plan import DeploymentPlan, Strategy
from deployments.states import Rollout, Status
from mlops.core.errors import Invalid
from mlops.core.models import AuditEntry
from tests.deployments.factories import VersionFactory, served, walked

pytestmark = pytest.mark.django_db
CANARY = DeploymentPlan(strategy=Strategy(Rollout.CANARY, (10, 50), 60))


def test_the_three_environments_have_their_rules():
    rules = {rule.environment: rule for rule in EnvironmentRule.objects.all()}

    assert set(rules) == {"development", "staging", "production"}
    assert rules["production"].needs_approval
    assert rules["production"].needs_passed_checklist
    assert not rules["production"].author_may_approve
    assert rules["production"].rolls_back_by_itself
    assert not rules["development"].needs_approval


def test_revisions_count_per_slot():
    version = VersionFactory()

    first = served(version)
    second = served(version)
    elsewhere = served(version, "staging")

    assert (first.revision, second.revision, elsewhere.revision) == (1, 2, 1)


def test_production_refuses_what_nobody_approved():
    with pytest.raises(ApprovalMissing):
        Deployment.request(VersionFactory(), "production", by=None)

    assert not Deployment.objects.exists()


def test_production_takes_what_somebody_else_approved(person):
    version = VersionFactory(by=person("data scientist"))
    version.approve(by=person("approver"))

    assert served(version, "production").status == Status.ACTIVE


def test_production_refuses_what_its_author_approved(person):
    version = VersionFactory(by=person("approver"))
    type(version).objects.filter(pk=version.pk).update(
        approved_by=person("approver"), approved_at="2026-01-01T00:00:00Z"
    )
    version.refresh_from_db()

    with pytest.raises(ApprovalMissing, match="somebody else"):
        Deployment.request(version, "production", by=None)


def test_the_gate_is_asked_again_at_each_step(person):
    version = VersionFactory()
    version.approve(by=person("approver"))
    deployment = Deployment.request(version, "production", by=None)
    walked(deployment, Status.VALIDATING)
    type(version).objects.update(approved_at=None, approved_by=None)

    with pytest.raises(ApprovalMissing):
        deployment.begin_deploying()

    assert Deployment.objects.get().status == Status.VALIDATING


def test_an_archived_version_is_refused():
    with pytest.raises(VersionArchived):
        Deployment.request(VersionFactory(stage="archived"), "development", by=None)


def test_who_may_not_deploy_there_is_refused(person):
    with pytest.raises(MayNotDeploy):
        Deployment.request(VersionFactory(), "staging", by=person("viewer"))


def test_the_same_request_twice_is_one():
    version = VersionFactory()
    first = Deployment.request(version, "development", by=None)

    with pytest.raises(DeploymentInProgress) as refused:
        Deployment.request(version, "development", by=None)

    assert refused.value.extra == {"deployment_id": str(first.pk)}


def test_another_size_is_another_request():
    version = VersionFactory()
    Deployment.request(version, "development", by=None)

    Deployment.request(
        version, "development", by=None, plan=DeploymentPlan(instances=2)
    )

    assert Deployment.objects.in_progress().count() == 2


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (DeploymentPlan(instance_type="mainframe"), "endpoint_config.instance_type"),
        (DeploymentPlan(instances=0), "endpoint_config.instances"),
        (DeploymentPlan(instances=33), "endpoint_config.instances"),
        (
            DeploymentPlan(instances=2, auto_scaling=True, max_instances=1),
            "endpoint_config.instances",
        ),
        (
            DeploymentPlan(instances=2, auto_scaling=True, min_instances=3),
            "endpoint_config.instances",
        ),
        (DeploymentPlan(min_instances=1), "endpoint_config.min_instances"),
        (DeploymentPlan(max_instances=2), "endpoint_config.max_instances"),
        (DeploymentPlan(strategy=Strategy(Rollout.CANARY)), "strategy.steps"),
        (DeploymentPlan(strategy=Strategy(Rollout.CANARY, (50, 10))), "strategy.steps"),
        (DeploymentPlan(strategy=Strategy(Rollout.CANARY, (0,))), "strategy.steps"),
        (DeploymentPlan(strategy=Strategy(Rollout.CANARY, (100,))), "strategy.steps"),
        (
            DeploymentPlan(strategy=Strategy(Rollout.CANARY, (10,), 0)),
            "strategy.seconds_per_step",
        ),
        (DeploymentPlan(strategy=Strategy(Rollout.SHADOW, (10,))), "strategy.steps"),
        (
            DeploymentPlan(strategy=Strategy(seconds_per_step=30)),
            "strategy.seconds_per_step",
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan, field):
    with pytest.raises(Invalid) as refused:
        Deployment.request(VersionFactory(), "development", by=None, plan=plan)

    assert refused.value.field == field
    assert not Deployment.objects.exists()


def test_a_successor_ends_the_one_before_it():
    version = VersionFactory()
    first, second = served(version), served(version)

    first.refresh_from_db()
    assert (first.status, first.superseded_by) == (Status.TERMINATED, second)
    assert first.terminated_at is not None
    assert second.deployed_at is not None


def test_a_cancelled_one_failed_and_says_by_whom(person):
    deployment = Deployment.request(VersionFactory(), "development", by=None)

    deployment.cancel(by=person("deployer"), reason="too early")

    assert deployment.status == Status.FAILED
    assert deployment.error_message == "cancelled by deployer: too early"


def test_an_active_one_cannot_be_cancelled_but_terminated(person):
    deployment = served(VersionFactory())

    with pytest.raises(IllegalTransition):
        deployment.cancel(by=None)
    deployment.terminate(by=person("deployer"), reason="retired")
    asked = deployment.status, deployment.allowed_statuses
    with pytest.raises(IllegalTransition, match="being ended already"):
        deployment.terminate(by=None)
    deployment.end_as_requested()

    assert asked == (Status.ACTIVE, []), "it may still be answering"
    assert deployment.status == Status.TERMINATED
    last = deployment.events.order_by("-sequence").first()
    assert (last.actor, last.message) == (person("deployer"), "retired")
    with pytest.raises(NotActive):
        deployment.terminate(by=None)


def test_what_is_to_end_takes_no_other_step(person):
    active, canary = _canary()
    canary.rollout.abort(by=None)
    active.terminate(by=None)

    with pytest.raises(IllegalTransition):
        canary.activate()
    with pytest.raises(NotRollingOut):
        canary.rollout.promote(by=person("deployer"))
    with pytest.raises(NotActive):
        active.roll_back(by=person("deployer"))


def test_a_rollback_lets_a_canary_end_before_it_takes_its_place():
    version = VersionFactory()
    served(VersionFactory(model=version.model))
    active = served(version)
    canary = Deployment.request(version, "development", by=None, plan=CANARY)
    walked(canary, Status.DEPLOYING)
    canary.rollout.begin()

    restored = active.roll_back()
    canary.refresh_from_db()
    waits = list(Deployment.objects.startable())
    canary.end_as_requested()

    assert (canary.status, waits) == (Status.FAILED, [])
    assert "overtook it" in canary.error_message
    assert list(Deployment.objects.startable()) == [restored]


def _canary():
    version = VersionFactory()
    active = served(version)
    canary = Deployment.request(version, "development", by=None, plan=CANARY)
    walked(canary, Status.DEPLOYING)
    canary.rollout.begin()
    return active, canary


def _shares(*deployments):
    for one in deployments:
        one.refresh_from_db()
    return [one.traffic_percent for one in deployments]


def test_a_canary_takes_its_shares_from_the_active_one():
    active, canary = _canary()
    begun = _shares(active, canary)

    canary.rollout.advance()
    further = _shares(active, canary)
    canary.activate()

    assert (begun, further) == ([90, 10], [50, 50])
    assert _shares(active, canary) == [0, 100]


def test_an_aborted_canary_gives_all_back(person):
    active, canary = _canary()

    canary.rollout.abort(by=person("deployer"), reason="slow")
    before = _shares(active, canary)
    canary.end_as_requested()

    assert before == [90, 10]
    assert _shares(active, canary) == [100, 0]
    assert canary.error_message == "the rollout was aborted: slow"


def test_a_canary_whose_active_one_is_retired_takes_everything():
    active, canary = _canary()

    active.terminate(by=None)
    active.end_as_requested()

    last = canary.events.order_by("-sequence").first().message
    assert last == "revision 1 is terminated: it gets 100 % of the requests"
    assert _shares(active, canary) == [0, 100]


def test_a_rollout_is_paused_resumed_and_promoted(person):
    _active, canary = _canary()

    canary.rollout.pause(by=person("deployer"))
    paused = canary.is_paused
    canary.rollout.resume(by=person("deployer"))
    resumed = canary.is_paused
    canary.rollout.promote(by=person("deployer"))

    assert (paused, resumed, canary.is_promoted) == (True, False, True)
    messages = [event.message for event in canary.events.order_by("sequence")]
    assert messages[-3:] == [
        "is paused at 10 %",
        "goes on at 10 %",
        "is to be promoted",
    ]


@pytest.mark.parametrize("verb", ["pause", "resume", "promote"])
def test_why_a_rollout_is_steered_is_in_its_event_and_the_audit_trail(verb):
    _active, canary = _canary()

    getattr(canary.rollout, verb)(by=None, reason="p95 rose")

    last = canary.events.order_by("-sequence").first().message
    assert last.endswith(": p95 rose")
    entry = AuditEntry.objects.filter(action=verb).get()
    assert entry.changes == {"reason": last}


def test_a_rollout_that_has_ended_is_not_paused():
    _active, canary = _canary()

    canary.rollout.pause(by=None)
    canary.rollout.abort(by=None)
    canary.end_as_requested()

    assert (canary.status, canary.is_paused) == (Status.FAILED, False)


@pytest.mark.parametrize("verb", ["pause", "resume", "promote", "abort"])
def test_without_a_rollout_there_is_nothing_to_steer(verb):
    deployment = served(VersionFactory())

    with pytest.raises(NotRollingOut):
        getattr(deployment.rollout, verb)(by=None)
