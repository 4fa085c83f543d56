"""Every pair of statuses and every mover: what is allowed, and nothing else."""

import itertools

import pytest

from deployments.errors import IllegalTransition, StaleDeployment
from deployments.models import Deployment
from deployments.models.moves import Step
from deployments.states import (
    FINAL,
    IN_PROGRESS,
    OPEN,
    STARTED,
    TRANSITIONS,
    Mover,
    Status,
    requestable_from,
)
from mlops.core.models import AuditEntry
from tests.deployments.factories import DeploymentFactory

PAIRS = list(itertools.product(Status, Status, Mover))
LEGAL = {
    ("pending", "validating"): {"reconciler"},
    ("validating", "deploying"): {"reconciler"},
    ("deploying", "active"): {"reconciler"},
    ("pending", "failed"): {"reconciler", "user", "system"},
    ("validating", "failed"): {"reconciler", "user", "system"},
    ("deploying", "failed"): {"reconciler", "user", "system"},
    ("active", "terminated"): {"reconciler", "user"},
    ("active", "rollback"): {"reconciler"},
}


def test_the_table_is_the_documented_one():
    table = {
        (str(at), str(to)): {str(mover) for mover in movers}
        for (at, to), movers in TRANSITIONS.items()
    }

    assert table == LEGAL


def test_the_groups_of_statuses_are_the_documented_ones():
    assert {"pending", "validating", "deploying"} == IN_PROGRESS
    assert {"validating", "deploying"} == STARTED
    assert {"pending", "validating", "deploying", "active"} == OPEN
    assert {"failed", "rollback", "terminated"} == FINAL


@pytest.mark.parametrize(
    ("status", "wishes"),
    [
        ("pending", ["failed"]),
        ("deploying", ["failed"]),
        ("active", ["terminated", "rollback"]),
        ("failed", []),
    ],
)
def test_a_person_may_wish_for_what_leads_on(status, wishes):
    assert requestable_from(status) == wishes


@pytest.mark.django_db
@pytest.mark.parametrize(("at", "to", "mover"), PAIRS)
def test_a_move_is_taken_only_by_its_movers(at, to, mover):
    deployment = DeploymentFactory(status=at)

    if mover in LEGAL.get((at, to), set()):
        deployment.moves.go(to, Step("test", mover))
    else:
        with pytest.raises(IllegalTransition):
            deployment.moves.go(to, Step("test", mover))

    moved = mover in LEGAL.get((at, to), set())
    row = Deployment.objects.get(pk=deployment.pk)
    assert row.status == (to if moved else at)
    assert row.events.count() == (1 if moved else 0)
    assert row.generation == (2 if moved else 1)


@pytest.mark.django_db
@pytest.mark.parametrize("status", sorted(FINAL))
def test_nothing_leads_out_of_an_end(status):
    deployment = DeploymentFactory(status=status)

    assert deployment.allowed_statuses == []


@pytest.mark.django_db
def test_second_of_two_writers_loses():
    first = DeploymentFactory()
    second = Deployment.objects.get(pk=first.pk)

    first.begin_validating()

    with pytest.raises(StaleDeployment):
        second.begin_validating()
    assert list(first.events.values_list("sequence", flat=True)) == [1]


@pytest.mark.django_db
def test_events_count_without_gaps_and_audit_entries_go_with_them(person):
    deployment = DeploymentFactory()

    deployment.begin_validating()
    deployment.notice("still looking")
    deployment.notice("still looking")
    deployment.cancel(by=person("admin"), reason="changed my mind")

    told = list(
        deployment.events.order_by("sequence").values_list("sequence", "message")
    )
    assert told == [
        (1, ""),
        (2, "still looking"),
        (3, "cancelled by admin: changed my mind"),
    ]
    actions = AuditEntry.objects.filter(object_id=str(deployment.pk))
    assert {entry.action for entry in actions} == {"validate", "notice", "cancel"}
    assert actions.get(action="notice").changes == {"reason": "still looking"}
