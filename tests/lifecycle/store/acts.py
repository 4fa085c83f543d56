"""What is done to the registry, what it leaves, and what is refused, by writer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lifecycle.models import LoggedModel, ModelVersion, NewCheck
from lifecycle.states import ChecklistStatus, ModelStage
from lifecycle.store.logged_models import NewLoggedModel
from tests.lifecycle.factories import RunFactory, UserFactory
from tests.lifecycle.store.writers import boss

PASSED = [NewCheck("bias reviewed", ChecklistStatus.PASSED)]
OPEN = [NewCheck("bias reviewed")]


class World:
    """What the acts find: a version of the author's, and a model that a run logged."""

    def __init__(self, checklist=PASSED):
        author = UserFactory(username="author")
        self.run = RunFactory(name="first")
        self.version = ModelVersion.register(
            "churn", by=author, run=self.run, checklist=checklist
        )
        new = NewLoggedModel(self.run.experiment_id, "tree", run_uid=self.run.uid)
        self.logged = LoggedModel.begin(new, by=author)

    @property
    def model(self):
        return self.version.model

    def alias(self):
        self.model.set_alias("champion", self.version, by=None)

    def tag(self):
        for thing in (self.version, self.model):
            thing.set_tag("team", "core", by=None)

    def approve(self):
        self.version.approve(by=UserFactory(username="approver"))

    def archive(self):
        self.version.move_to_stage(ModelStage.ARCHIVED, by=None)

    def approve_and_archive(self):
        self.approve()
        self.archive()

    def own(self):
        ModelVersion.objects.update(created_by=boss())
        self.version.refresh_from_db()


@dataclass
class Act:
    """A verb of the writers, on what, and what it leaves: entries and events."""

    verb: str
    on: Callable[[World], tuple[Any, ...]]
    leaves: Callable[[World], list[Any]] = lambda _: []
    before: Callable[[World], object] = lambda _: None


def entry(action, kind, name, /, **changes):
    return lambda _: [(action, f"lifecycle.{kind}", name, changes)]


def version_entry(action, /, **changes):
    return entry(action, "modelversion", "churn 1", **changes)


def model_entry(action, /, **changes):
    return entry(action, "registeredmodel", "churn", **changes)


def several(*parts):
    return lambda world: [one for part in parts for one in part(world)]


def event(*columns):
    return lambda _: [columns]


MOVED = {"stage": ["experimental", "staging"], "reason": ""}
CHECKED = [{"bias reviewed": "passed"}, {"load test": "passed"}]

ACTS = {
    "registers a model": Act(
        "register",
        lambda world: (world.run, "fraud"),
        several(
            entry("create", "registeredmodel", "fraud"),
            entry("register", "modelversion", "fraud 1", number=1),
        ),
    ),
    "registers a version": Act(
        "register",
        lambda world: (world.run, "churn"),
        entry("register", "modelversion", "churn 2", number=2),
    ),
    "moves a version": Act(
        "move",
        lambda world: (world.version, "staging"),
        several(
            version_entry("move_to_stage", **MOVED),
            event("experimental", "staging", "", "boss"),
        ),
    ),
    "moves one to where it is": Act(
        "move", lambda world: (world.version, "experimental")
    ),
    "approves": Act(
        "approve", lambda world: (world.version,), version_entry("approve", notes="ok")
    ),
    "checks": Act(
        "check",
        lambda world: (world.version,),
        version_entry("set_checklist", checklist=CHECKED),
    ),
    "checks what is approved": Act(
        "check",
        lambda world: (world.version,),
        version_entry(
            "set_checklist", checklist=CHECKED, approved_by=["approver", None]
        ),
        World.approve,
    ),
    "describes a version": Act(
        "describe",
        lambda world: (world.version,),
        version_entry("describe", description=["", "better"]),
    ),
    "describes a model": Act(
        "describe",
        lambda world: (world.model,),
        model_entry("describe", description=["", "better"]),
    ),
    "tags a version": Act(
        "set_tag",
        lambda world: (world.version,),
        version_entry("tag", tags={"team": "core"}),
    ),
    "tags a model": Act(
        "set_tag",
        lambda world: (world.model,),
        model_entry("tag", tags={"team": "core"}),
    ),
    "untags a version": Act(
        "drop_tag",
        lambda world: (world.version,),
        version_entry("untag", tags="team"),
        World.tag,
    ),
    "untags a model": Act(
        "drop_tag",
        lambda world: (world.model,),
        model_entry("untag", tags="team"),
        World.tag,
    ),
    "untags what has no tag": Act("drop_tag", lambda world: (world.model,)),
    "points an alias": Act(
        "point",
        lambda world: (world.version, "champion"),
        several(
            model_entry("alias", champion=[None, 1]),
            event("champion", None, 1, "boss"),
        ),
    ),
    "points one to where it is": Act(
        "point", lambda world: (world.version, "champion"), before=World.alias
    ),
    "drops an alias": Act(
        "drop",
        lambda world: (world.version, "champion"),
        several(
            model_entry("alias", champion=[1, None]),
            event("champion", 1, None, "boss"),
        ),
        World.alias,
    ),
    "drops none": Act("drop", lambda world: (world.version, "champion")),
    "renames": Act(
        "rename",
        lambda world: (world.model,),
        entry("rename", "registeredmodel", "attrition", name=["churn", "attrition"]),
    ),
    "removes a version": Act(
        "remove",
        lambda world: (world.version,),
        several(
            version_entry("delete", name="churn 1"),
            model_entry("alias", champion=[1, None]),
            event("champion", 1, None, "boss"),
        ),
        World.alias,
    ),
    "removes a model": Act(
        "remove", lambda world: (world.model,), model_entry("delete", name="churn")
    ),
    "begins a logged model": Act(
        "begin",
        lambda world: (world.run,),
        lambda world: entry(
            "begin",
            "loggedmodel",
            "tree",
            run={"id": world.run.pk, "name": world.run.name},
        )(world),
    ),
    "finishes a logged model": Act(
        "finish",
        lambda world: (world.logged, "READY"),
        entry("finish", "loggedmodel", "tree", status=["PENDING", "READY"]),
    ),
    "finishes one as it is": Act("finish", lambda world: (world.logged, "PENDING")),
    "puts a logged model aside": Act(
        "soft_delete",
        lambda world: (world.logged,),
        entry("delete", "loggedmodel", "tree"),
    ),
}

# What is refused: the act, what stands in its way, and the code of the cause.
REFUSALS = {
    "a label that is taken": (
        Act("relabel", lambda world: (world.run, "churn", "1")),
        "already_exists",
    ),
    "a stage that needs an approval": (
        Act("move", lambda world: (world.version, "production")),
        "not_approved",
    ),
    "a stage that needs the checklist": (
        Act("move", lambda world: (world.version, "staging")),
        "checklist_not_passed",
    ),
    "a way that is not in the table": (
        Act(
            "move",
            lambda world: (world.version, "production"),
            before=World.approve_and_archive,
        ),
        "illegal_stage",
    ),
    "an approval of one's own": (
        Act("approve", lambda world: (world.version,), before=World.own),
        "own_approval",
    ),
    "an approval after another": (
        Act("approve", lambda world: (world.version,), before=World.approve),
        "already_approved",
    ),
    "an approval of what is archived": (
        Act("approve", lambda world: (world.version,), before=World.archive),
        "illegal_stage",
    ),
    "an alias that means another thing": (
        Act("point", lambda world: (world.version, "latest")),
        "invalid",
    ),
    "an alias like a version": (
        Act("point", lambda world: (world.version, "v2")),
        "invalid",
    ),
    "an alias with a slash": (
        Act("point", lambda world: (world.version, "a/b")),
        "invalid",
    ),
}
