"""The page of a model: versions, where they serve, approvals, history, lineage."""

import pytest
from django.urls import reverse

from deployments.admin import model_board
from deployments.admin.lineage_picture import MOST_IN_COLUMN, picture
from deployments.lineage import Graph, graph
from lifecycle.lineage import Edge, Node
from lifecycle.models import NewFigure
from mlops.core.models import AuditEntry, User
from tests.core.factories import UserFactory
from tests.deployments.factories import DeploymentFactory
from tests.lifecycle.factories import RegisteredModelFactory, VersionFactory

pytestmark = pytest.mark.django_db

MOST_QUERIES = 45


@pytest.fixture
def enter(client, person):
    """Sign a role in to the admin and return the client."""

    def sign_in(role):
        user = person(role)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        client.force_login(User.objects.get(pk=user.pk))
        return client

    return sign_in


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def url(model):
    return reverse("admin:lifecycle_registeredmodel_work", args=[model.pk])


def see(client, version):
    return client.get(url(version.model), {"version": str(version.pk)})


def press(client, version, button, **fields):
    form = {"version": str(version.pk), "do": button, **fields}
    return client.post(url(version.model), form, follow=True)


# What is shown ----------------------------------------------------------------------


def test_versions_stand_side_by_side_with_their_metrics(boss):
    model = RegisteredModelFactory()
    VersionFactory(model=model, metrics=[NewFigure("accuracy", 0.5)])
    VersionFactory(
        model=model, metrics=[NewFigure("accuracy", 0.75), NewFigure("auc", 0.9)]
    )

    board = model_board.versions(model)

    assert board.metrics == ["accuracy", "auc"]
    assert [line.figures for line in board.lines] == [[0.75, 0.9], [0.5, None]]
    assert "0.75" in boss.get(url(model)).content.decode()


def test_environment_says_what_serves_and_where_the_stage_says_otherwise(boss):
    serving = VersionFactory(version="2")
    staged = VersionFactory(model=serving.model, version="1", stage="production")
    DeploymentFactory(
        active=True, model_version=serving, slot__environment="production"
    )

    production, staging, development = model_board.places(serving.model)

    assert production.serving.model_version == serving
    assert list(production.notes) == [
        "2 serves here, and its stage is experimental.",
        "1 is in stage production, and does not serve here.",
    ]
    assert (staging.serving, development.serving) == (None, None)
    page = boss.get(url(staged.model)).content.decode()
    assert "2 serves here, and its stage is experimental." in page


def test_stage_and_deployment_that_agree_need_no_note():
    version = VersionFactory(stage="production")
    DeploymentFactory(
        active=True, model_version=version, slot__environment="production"
    )

    assert list(model_board.places(version.model)[0].notes) == []


def test_deploy_stands_beside_each_version_for_who_may(enter):
    version = VersionFactory()
    form = f"{reverse('admin:deployments_deployment_add')}?model_version={version.pk}"

    assert form in see(enter("deployer"), version).content.decode()
    assert form not in see(enter("viewer"), version).content.decode()


def test_version_that_waits_for_an_approval_is_shown_first(boss):
    waiting = VersionFactory()
    VersionFactory(model=waiting.model, passed=True, approved=True)

    assert boss.get(url(waiting.model)).context["version"] == waiting


@pytest.mark.parametrize(
    "asked", ["99", "x", "6be2e541-5335-4614-a113-c6fce01f7be6", "of another"]
)
def test_link_to_a_version_that_the_model_has_not_is_404(boss, asked):
    version, other = VersionFactory(), VersionFactory()
    asked = str(other.pk) if asked == "of another" else asked

    page = boss.get(url(version.model), {"version": asked})

    assert page.status_code == 404


def test_history_tells_who_changed_a_stage_and_an_alias_and_why(boss, person):
    version = VersionFactory(passed=True)
    version.move_to_stage("staging", by=person("approver"), reason="ready to try")
    version.model.set_alias("champion", version, by=person("data scientist"))

    alias, stage = model_board.history(version.model)

    assert (stage.text, stage.by) == ("experimental → staging", "approver")
    assert stage.reason == "ready to try"
    assert "champion" in alias.text
    page = see(boss, version).content.decode()
    assert "ready to try" in page


def test_record_of_a_version_leads_to_it_on_the_page_of_its_model(boss):
    version = VersionFactory()
    record = reverse("admin:lifecycle_modelversion_change", args=[version.pk])

    page = reverse("admin:lifecycle_modelversion_work", args=[version.pk])

    assert f'href="{page}"' in boss.get(record).content.decode()
    assert boss.get(page).url == f"{url(version.model)}?version={version.pk}#version"


def test_page_asks_no_more_queries_for_more_versions(
    boss, django_assert_max_num_queries
):
    model = RegisteredModelFactory()
    for number in range(12):
        version = VersionFactory(
            model=model, version=f"v{number}", metrics=[NewFigure("auc", number)]
        )
        version.model.set_alias(f"a{number}", version, by=None)
        DeploymentFactory(active=number == 0, model_version=version)

    with django_assert_max_num_queries(MOST_QUERIES):
        see(boss, version)


# What can be done -------------------------------------------------------------------


def test_approver_ticks_the_list_and_approves_in_one_go(enter):
    version = VersionFactory()
    item = version.checklist.get()

    press(
        enter("approver"),
        version,
        "approve",
        reason="read it",
        **{f"status-{item.pk}": "passed", f"note-{item.pk}": "no bias seen"},
    )

    version.refresh_from_db()
    assert version.approved_by.username == "approver"
    assert version.approval_notes == "read it"
    assert version.checklist.get().note == "no bias seen"


def test_refused_approval_keeps_the_list_as_it_was(enter, person):
    version = VersionFactory(by=person("approver"))
    item = version.checklist.get()

    page = press(
        enter("approver"), version, "approve", **{f"status-{item.pk}": "passed"}
    )

    version.refresh_from_db()
    assert "Whoever made a version cannot approve it." in page.content.decode()
    assert not version.is_approved
    assert version.checklist.get().status == "pending"


def test_rejected_version_is_archived_with_the_reason(enter):
    version = VersionFactory()

    press(enter("approver"), version, "reject", reason="leaks the label")

    version.refresh_from_db()
    assert version.stage == "archived"
    assert version.stage_changes.get().reason == "leaks the label"
    entry = AuditEntry.objects.get(action="move_to_stage")
    assert entry.changes["reason"] == "leaks the label"


def test_stage_moves_with_a_reason(enter):
    version = VersionFactory(passed=True)

    press(enter("approver"), version, "move", stage="staging", reason="try it")

    version.refresh_from_db()
    assert version.stage == "staging"
    assert version.stage_changes.get().reason == "try it"


@pytest.mark.parametrize("button", ["check", "approve", "reject", "move", "deploy"])
def test_viewer_can_press_nothing(enter, button):
    version = VersionFactory(passed=True)
    client = enter("viewer")

    shown = see(client, version).content.decode()
    answer = press(client, version, button, stage="staging")

    assert f'value="{button}"' not in shown
    assert answer.status_code == 403
    version.refresh_from_db()
    assert (version.stage, version.is_approved) == ("experimental", False)


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "delete"},
        {"do": "move", "stage": "moon"},
        {},
    ],
)
def test_button_that_is_not_there_does_nothing(enter, fields):
    version = VersionFactory(passed=True)

    answer = enter("approver").post(
        url(version.model), {"version": str(version.pk), **fields}
    )

    assert answer.status_code == 403


def test_deployer_deploys_where_the_version_is_looked_at(enter):
    version = VersionFactory(passed=True, approved=True, content=b"weights")

    answer = press(
        enter("deployer"), version, "deploy", environment="staging", reason="autumn"
    )

    deployment = version.deployments.get()
    assert (deployment.environment, deployment.notes) == ("staging", "autumn")
    assert str(deployment.pk) in answer.redirect_chain[0][0]


def test_refused_deployment_is_told_on_the_page(enter):
    version = VersionFactory(content=b"weights")

    page = press(enter("deployer"), version, "deploy", environment="production")

    assert "production needs an approval" in page.content.decode()
    assert not version.deployments.exists()


def test_environments_are_those_that_one_may_deploy_to(enter):
    version = VersionFactory()

    offered = see(enter("data scientist"), version).context["environments"]

    assert [one for one, _ in offered] == ["development", "staging"]


def test_list_may_be_saved_without_an_approval(enter):
    version = VersionFactory()
    item = version.checklist.get()

    press(enter("approver"), version, "check", **{f"status-{item.pk}": "failed"})

    assert version.checklist.get().status == "failed"


# The picture of its lineage ---------------------------------------------------------


def test_lineage_goes_from_the_experiment_to_the_deployment():
    version = VersionFactory()
    deployment = DeploymentFactory(active=True, model_version=version)

    drawn = picture(graph(f"model_version:{version.pk}", "both", 6))

    boxes = sorted(drawn.boxes, key=lambda box: box.x)
    assert [box.kind for box in boxes] == [
        "experiment",
        "run",
        "model version",
        "deployment",
    ]
    assert str(deployment.pk) in boxes[-1].url
    assert [box.is_start for box in boxes] == [False, False, True, False]
    assert len(drawn.lines) == 3


def test_lineage_of_many_draws_some_and_counts_the_rest():
    start = Node("run:1", "run", "1", "run")
    many = [Node(f"run:{n}", "run", str(n), f"run {n}") for n in range(2, 14)]
    edges = [Edge(1, start.key, node.key, "read_by") for node in many]

    drawn = picture(Graph(start, [start, *many], edges, is_truncated=False))

    assert len(drawn.boxes) == 1 + MOST_IN_COLUMN
    assert drawn.hidden == len(many) - MOST_IN_COLUMN
    bottoms = [box.y + drawn.box_height for box in drawn.boxes]
    assert max(bottoms) <= drawn.height
    assert max(box.x + drawn.box_width for box in drawn.boxes) <= drawn.width


def test_lineage_in_a_circle_is_drawn_too():
    nodes = [Node(f"feature:{n:032x}", "feature", str(n), "f") for n in range(2)]
    edges = [
        Edge(1, nodes[0].key, nodes[1].key, "feeds"),
        Edge(2, nodes[1].key, nodes[0].key, "feeds"),
    ]

    drawn = picture(Graph(nodes[0], nodes, edges, is_truncated=False))

    assert len(drawn.boxes) == 2


def test_model_without_a_version_has_a_page(boss):
    assert (
        "There is no version yet."
        in boss.get(url(RegisteredModelFactory())).content.decode()
    )


def test_page_of_a_model_is_not_for_who_may_see_none(client):
    client.force_login(UserFactory(is_staff=True))

    assert client.get(url(RegisteredModelFactory())).status_code == 403
