"""A reason can be read, or is left out."""

import re

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME

from deployments.models import Deployment, DeploymentEvent
from mlops.core import reasons
from mlops.core.models import AuditEntry, User
from mlops.core.schema.walk import operations
from tests.contract.shapes import SHAPES
from tests.deployments.factories import VersionFactory, served

pytestmark = pytest.mark.django_db

LIFECYCLE = "/api/v1/ml/lifecycle"
BLANKS = [" ", "   ", "\t\n", "\u3000", "\ufeff", "\u00a0 \u2009"]
FIELDS = {"reason", "approval_notes"}
VERBS = ("rollback", "promote", "pause", "resume", "abort", "terminate")


def bodies_with_a_reason():
    """Return operation and field of all bodies that take a reason."""
    schemas = SHAPES.document["components"]["schemas"]
    for _path, _method, operation in operations(SHAPES.document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            name = media["schema"].get("$ref", "").rpartition("/")[2]
            fields = schemas.get(name, {}).get("properties", {})
            for field in FIELDS & set(fields):
                yield operation["operationId"], fields[field]


def left():
    return AuditEntry.objects.count(), DeploymentEvent.objects.count()


@pytest.fixture
def active():
    return served(VersionFactory(model=served(VersionFactory()).slot.model))


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def test_document_says_of_every_reason_that_it_can_be_read():
    found = dict(bodies_with_a_reason())

    assert len(found) > len(VERBS)
    assert {field["pattern"] for field in found.values()} == {reasons.PATTERN}


@pytest.mark.parametrize("text", ["", "why", " why ", "\u3164x", "가", "a\nb"])
def test_what_can_be_read_is_a_reason(text):
    assert not reasons.is_blank(text)
    assert re.search(reasons.PATTERN, text)


@pytest.mark.parametrize("blanks", [*BLANKS, "\x1c", "\x85"])
def test_what_cannot_be_read_is_none(blanks):
    assert reasons.is_blank(blanks)
    assert not re.search(reasons.PATTERN, blanks)


@pytest.mark.parametrize("blanks", BLANKS)
@pytest.mark.parametrize("verb", VERBS)
def test_deployment_takes_no_reason_of_blanks(api, active, verb, blanks):
    before = left()

    answer = api("admin").post(
        f"{LIFECYCLE}/deployments/{active.pk}/{verb}", {"reason": blanks}
    )

    assert answer.status_code == 422, answer.json()
    assert answer.json()["errors"][0]["loc"] == ["body", "reason"]
    assert left() == before


@pytest.mark.parametrize(
    ("address", "field", "more"),
    [
        ("deployments/{}", "error_message", {"status": "terminated"}),
        ("deployments/{}/status", "reason", {"status": "terminated"}),
    ],
)
def test_status_takes_no_reason_of_blanks(api, active, address, field, more):
    before = left()

    answer = api("admin").patch(
        f"{LIFECYCLE}/{address.format(active.pk)}", {field: "  ", **more}
    )

    assert answer.status_code == 422, answer.json()
    assert answer.json()["errors"][0]["loc"] == ["body", field]
    assert left() == before


@pytest.mark.parametrize("field", ["reason", "approval_notes"])
def test_model_version_takes_no_reason_of_blanks(api, field):
    version = VersionFactory()
    before = left()

    answer = api("admin").patch(
        f"{LIFECYCLE}/models/{version.model.name}/{version.version}",
        {"stage": "archived", field: " \t"},
    )

    assert answer.status_code == 422, answer.json()
    assert answer.json()["errors"][0]["loc"] == ["body", field]
    assert left() == before


@pytest.mark.parametrize("reason", ["", None])
def test_no_reason_is_none(api, active, reason):
    body = {} if reason is None else {"reason": reason}

    answer = api("admin").post(f"{LIFECYCLE}/deployments/{active.pk}/rollback", body)

    assert (answer.status_code, answer.json()["reason"]) == (201, "")


# The staff's pages ------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["roll_back", "terminate", "cancel", "promote"])
def test_action_of_the_list_takes_no_reason_of_blanks(boss, active, verb):
    before = left()
    form = {"action": verb, ACTION_CHECKBOX_NAME: [active.pk], "confirmed": "1"}

    page = boss.post("/admin/deployments/deployment/", {**form, "reason": "  "})

    assert page.context["form"].errors == {"reason": [reasons.ONLY_BLANKS]}
    assert left() == before


def test_button_of_a_deployment_takes_no_reason_of_blanks(boss, active):
    before = left()

    page = boss.post(
        f"/admin/deployments/deployment/{active.pk}/roll-back/", {"reason": " "}
    )

    assert page.context["form"].errors == {"reason": [reasons.ONLY_BLANKS]}
    assert left() == before


@pytest.mark.parametrize("reason", ["  ", "x" * 2_001])
@pytest.mark.parametrize("button", ["approve", "reject", "move", "deploy"])
def test_page_of_a_model_takes_no_reason_of_blanks_or_too_long(boss, button, reason):
    version = VersionFactory()
    before = left()
    form = {"do": button, "version": version.pk, "reason": reason}

    page = boss.post(
        f"/admin/lifecycle/registeredmodel/{version.model.pk}/work/",
        {**form, "stage": "staging", "environment": "staging"},
        follow=True,
    )

    assert [one.level_tag for one in page.context["messages"]] == ["error"]
    assert left() == before
    assert not Deployment.objects.exists()
