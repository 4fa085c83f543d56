"""The registry through every writer: the same entries, events and refusals."""

import pytest

from lifecycle.models import (
    AliasChange,
    LoggedModel,
    ModelVersion,
    RegisteredModel,
    StageChange,
)
from mlops.core.models import AuditEntry
from tests.lifecycle.store.acts import ACTS, OPEN, PASSED, REFUSALS, World
from tests.lifecycle.store.writers import WRITERS, Verbs

pytestmark = pytest.mark.django_db


def offered(acts):
    return [
        pytest.param(writer, name, id=f"{writer}-{name}")
        for name, act in acts
        for writer in WRITERS
        if hasattr(WRITERS[writer], act.verb)
    ]


def left_since(entry_pk):
    """Return the entries after one, and the events of people, oldest first."""
    entries = AuditEntry.objects.filter(pk__gt=entry_pk).order_by("pk")
    assert {str(one.actor) for one in entries} <= {"boss"}
    told = [
        (one.action, one.object_type, one.object_name, one.changes) for one in entries
    ]
    stages = StageChange.objects.filter(changed_by__username="boss").values_list(
        "from_stage", "to_stage", "reason", "changed_by__username"
    )
    turns = AliasChange.objects.filter(changed_by__username="boss").values_list(
        "alias", "from_number", "to_number", "changed_by__username"
    )
    return [*told, *stages.order_by("pk"), *turns.order_by("pk")]


def newest_entry():
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first()


@pytest.mark.parametrize(("writer", "name"), offered(ACTS.items()))
def test_every_writer_leaves_the_same_entries_and_events(writer, name):
    act, world, opened = ACTS[name], World(), WRITERS[writer]()
    act.before(world)
    before, known = newest_entry(), {*rows()}

    refused = getattr(opened, act.verb)(*act.on(world))

    assert refused is None
    assert left_since(before) == act.leaves(world)
    entries = AuditEntry.objects.filter(pk__gt=before)
    named = {(one.object_type, one.object_id) for one in entries}
    assert named <= known | {*rows()}


def rows():
    for model in (RegisteredModel, ModelVersion, LoggedModel):
        for pk in model.objects.values_list("pk", flat=True):
            yield model._meta.label_lower, str(pk)


@pytest.mark.parametrize(
    ("writer", "name"), offered((name, act) for name, (act, _) in REFUSALS.items())
)
def test_every_writer_refuses_for_the_same_cause(writer, name):
    act, code = REFUSALS[name]
    world = World(OPEN if code == "checklist_not_passed" else PASSED)
    opened, verbs = WRITERS[writer](), Verbs()
    act.before(world)
    before = newest_entry()

    cause = getattr(verbs, act.verb)(*act.on(world))
    told = getattr(opened, act.verb)(*act.on(world))

    assert cause.code == code
    assert told.code == opened.code_of(cause)
    assert cause.text in told.text
    assert left_since(before) == []


def test_only_these_verbs_are_missing_at_a_writer():
    verbs = {act.verb for act in ACTS.values()}

    missing = {
        writer: {verb for verb in verbs if not hasattr(WRITERS[writer], verb)}
        for writer in WRITERS
    }

    logged = {"begin", "finish", "soft_delete"}
    assert missing == {
        "verbs": set(),
        "rest": {"describe", "set_tag", "drop_tag", "point", "drop", "rename", "remove"}
        | logged,
        "mlflow": {"approve", "check"},
        "admin": {"set_tag", "drop_tag", "drop", "rename", "remove"} | logged,
    }
