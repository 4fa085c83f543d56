"""MLflow's webhooks: made by its protocol, told in its bodies, signed as it signs."""

import base64
import hashlib
import hmac
import json
import threading
import uuid

import pytest

from lifecycle.mlflow.events import EVENTS
from mlops.core.models import AuditEntry
from mlops.webhooks.kinds import KINDS
from mlops.webhooks.models import Webhook
from mlops.webhooks.sending import queue_all, send_turn
from tests.webhooks.receivers import Receiver

pytestmark = pytest.mark.django_db
PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
TEXT = {"key": "mlflow.prompt.text", "value": "Hello {{name}}!"}


@pytest.fixture
def receiver(settings):
    settings.ALERT_HOSTS = ["127.0.0.1"]
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def admin(mlflow_as):
    return mlflow_as("admin")


def sent(event):
    entity, _, action = event.upper().partition(".")
    return {"entity": entity, "action": action}


def made(admin, receiver, *events, **fields):
    body = {"name": "ci", "url": receiver.url, "events": [sent(e) for e in events]}
    return admin.ok("webhooks", **(body | fields))["webhook"]


@pytest.fixture
def told(admin, receiver):
    """Return what a webhook for everything is told, as (event, data)."""
    made(admin, receiver, *EVENTS, secret="open sesame")

    def now():
        queue_all()
        send_turn(Webhook.objects.get(), threading.Event())
        seen = [(f"{e['entity']}.{e['action']}", e["data"]) for e in receiver.events]
        receiver.requests.clear()
        return seen

    return now


def version(mlflow, name="churn", **fields):
    body = {"name": name, "source": "s3://models/1", **fields}
    return mlflow.ok("model-versions/create", **body)["model_version"]


def test_webhook_is_made_shown_listed_changed_and_deleted(admin, receiver):
    one = made(admin, receiver, "model_version.created", description="for CI")
    path = f"webhooks/{one['webhook_id']}"
    seen = admin.get(path).body["webhook"]
    listed = admin.get("webhooks").body
    changed = admin.patch(
        path, name="cd", events=[sent("prompt.created")], status="DISABLED"
    ).body["webhook"]
    gone = admin.delete(path)

    assert one == seen == listed["webhooks"][0]
    assert (seen["name"], seen["status"]) == ("ci", "ACTIVE")
    assert seen["description"] == "for CI"
    assert seen["events"] == [sent("model_version.created")]
    assert (changed["name"], changed["status"]) == ("cd", "DISABLED")
    assert changed["events"] == [sent("prompt.created")]
    assert (changed["url"], changed["description"]) == (receiver.url, "for CI")
    assert (gone.body, admin.get(path).code) == ({}, "RESOURCE_DOES_NOT_EXIST")


def test_webhooks_come_in_pages_the_newest_first(admin, receiver):
    for name in ("a", "b", "c"):
        made(admin, receiver, "prompt.created", name=name)

    first = admin.get("webhooks", max_results=2).body
    token = first["next_page_token"]
    second = admin.get("webhooks", max_results=2, page_token=token).body

    names = [w["name"] for page in (first, second) for w in page["webhooks"]]
    assert names == ["c", "b", "a"]
    assert "next_page_token" not in second


@pytest.mark.parametrize(
    "event", ["budget_policy.exceeded", "model_version.deleted", "prompt.updated"]
)
def test_event_that_nothing_here_tells_of_is_refused_by_name(admin, receiver, event):
    body = {"name": "ci", "url": receiver.url, "events": [sent(event)]}

    answer = admin.post("webhooks", body)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert event in answer.message
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"events": []},
        {"events": [{"entity": "MODEL_VERSION"}]},
        {"events": [{"entity": True, "action": 1}]},
        {"events": [{"entity": 11, "action": 1}]},
        {"events": "PROMPT.CREATED"},
        {"events": [{"entity": "MOON", "action": "CREATED"}]},
        {"name": "a b"},
        {"name": ""},
        {"url": "http://10.0.0.1/"},
        {"url": "ftp://example.org"},
        {"status": "ASLEEP"},
        {"secret": "s" * 1001},
    ],
)
def test_webhook_that_cannot_be_is_refused(admin, receiver, wrong):
    right = {"name": "ci", "url": receiver.url, "events": [sent("prompt.created")]}

    answer = admin.post("webhooks", right | wrong)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert not Webhook.objects.exists()


def test_words_of_the_protocol_may_be_sent_as_their_numbers(admin, receiver):
    events = [{"entity": 5, "action": 1}]

    one = made(admin, receiver, events=events, status=2)

    assert one["events"] == [sent("prompt.created")]
    assert one["status"] == "DISABLED"


def test_name_that_is_taken_is_refused(admin, receiver):
    made(admin, receiver, "prompt.created")
    body = {"name": "ci", "url": receiver.url, "events": [sent("prompt.created")]}

    assert admin.post("webhooks", body).code == "RESOURCE_ALREADY_EXISTS"


def test_webhook_of_rest_is_not_one_of_mlflows(admin, receiver):
    rest = Webhook.add(by=None, name="chat", url=receiver.url, kinds=["*"])

    assert admin.get("webhooks").body == {"webhooks": []}
    assert admin.get(f"webhooks/{rest.pk}").code == "RESOURCE_DOES_NOT_EXIST"


def test_rest_shows_mlflows_webhook_and_leaves_its_events(admin, receiver, api):
    one = made(admin, receiver, "model_version_tag.set", "prompt_version_tag.set")
    url = f"/api/v1/webhooks/{one['webhook_id']}"

    shown = api("admin").get(url).json()
    refused = api("admin").patch(url, {"kinds": ["*"]}, format="json")

    assert shown["format"] == "mlflow"
    assert shown["events"] == ["model_version_tag.set", "prompt_version_tag.set"]
    assert shown["kinds"] == ["model_version.tagged"]
    assert refused.status_code == 422
    assert "MLflow's client" in str(refused.json())


def test_act_is_on_record_with_its_way(admin, receiver):
    made(admin, receiver, "prompt.created")

    entry = AuditEntry.objects.get(object_type="webhooks.webhook")
    assert (entry.action, entry.via) == ("create", "mlflow")


def test_each_event_has_a_kind(admin):
    assert {event.kind for event in EVENTS.values()} <= set(KINDS)


def test_models_and_versions_are_told_in_mlflows_bodies(mlflow, told, run_id):
    tags = [{"key": "team", "value": "a"}]
    mlflow.ok("registered-models/create", name="churn", tags=tags, description="of us")
    version(mlflow, run_id=run_id, tags=tags, description="first")
    long = "x" * 3000
    mlflow.ok("model-versions/set-tag", name="churn", version="1", key="k", value=long)
    mlflow.delete("model-versions/delete-tag", name="churn", version="1", key="k")
    mlflow.ok("registered-models/alias", name="churn", alias="best", version="1")
    mlflow.delete("registered-models/alias", name="churn", alias="best")
    mlflow.ok("registered-models/set-tag", name="churn", key="team", value="b")

    seen = told()

    one = {"name": "churn", "version": "1"}
    start = {"source": "s3://models/1", "run_id": run_id, "tags": {"team": "a"}}
    model = {"name": "churn", "tags": {"team": "b"}, "description": "of us"}
    assert seen == [
        ("registered_model.created", model),
        ("model_version.created", {**one, **start, "description": "first"}),
        ("model_version_tag.set", {**one, "key": "k", "value": long[:500]}),
        ("model_version_tag.deleted", {**one, "key": "k"}),
        ("model_version_alias.created", {**one, "alias": "best"}),
        ("model_version_alias.deleted", {"name": "churn", "alias": "best"}),
    ]


def test_value_of_a_tag_comes_whole_while_the_tag_is_there(mlflow, told):
    mlflow.ok("registered-models/create", name="churn")
    version(mlflow)
    long = "x" * 3000
    mlflow.ok("model-versions/set-tag", name="churn", version="1", key="k", value=long)

    values = [data["value"] for event, data in told() if event.endswith("tag.set")]

    assert values == [long]


def test_prompts_have_events_of_their_own(mlflow, told):
    mlflow.ok("registered-models/create", name="greet", tags=PROMPT)
    version(mlflow, "greet", source="prompt-template", tags=[*PROMPT, TEXT])
    mlflow.ok("registered-models/set-tag", name="greet", key="k", value="v")
    mlflow.delete("registered-models/delete-tag", name="greet", key="k")
    mlflow.ok("model-versions/set-tag", name="greet", version="1", key="k", value="v")
    mlflow.delete("model-versions/delete-tag", name="greet", version="1", key="k")
    mlflow.ok("registered-models/alias", name="greet", alias="best", version="1")
    mlflow.delete("registered-models/alias", name="greet", alias="best")

    seen = dict(told())

    one = {"name": "greet", "version": "1"}
    text = {"template": "Hello {{name}}!", "tags": {}, "description": None}
    assert seen == {
        "prompt.created": {"name": "greet", "tags": {}, "description": ""},
        "prompt_tag.set": {"name": "greet", "key": "k", "value": "v"},
        "prompt_tag.deleted": {"name": "greet", "key": "k"},
        "prompt_alias.created": {**one, "alias": "best"},
        "prompt_alias.deleted": {"name": "greet", "alias": "best"},
        "prompt_version.created": {**one, **text},
        "prompt_version_tag.set": {**one, "key": "k", "value": "v"},
        "prompt_version_tag.deleted": {**one, "key": "k"},
    }


def test_what_was_deleted_meanwhile_is_told_as_the_trail_knows_it(mlflow, told):
    mlflow.ok("registered-models/create", name="greet", tags=PROMPT)
    version(mlflow, "greet", source="prompt-template", tags=[*PROMPT, TEXT])
    mlflow.ok("model-versions/set-tag", name="greet", version="1", key="k", value="v")
    mlflow.delete("registered-models/delete", name="greet")

    seen = dict(told())

    one = {"name": "greet", "version": "1"}
    nothing = {"template": None, "tags": {}, "description": None}
    assert seen == {
        "prompt.created": {"name": "greet", "tags": {}, "description": ""},
        "prompt_version.created": one | nothing,
        "prompt_version_tag.set": {**one, "key": "k", "value": "v"},
    }


def test_webhook_is_told_its_own_events_alone(admin, mlflow, receiver):
    made(admin, receiver, "prompt.created")
    mlflow.ok("registered-models/create", name="churn")
    mlflow.ok("registered-models/create", name="greet", tags=PROMPT)

    queue_all()
    send_turn(Webhook.objects.get(), threading.Event())

    assert [event["data"]["name"] for event in receiver.events] == ["greet"]


def test_message_is_signed_as_mlflow_signs(mlflow, admin, receiver):
    made(admin, receiver, "registered_model.created", secret="open sesame")
    mlflow.ok("registered-models/create", name="churn")

    queue_all()
    send_turn(Webhook.objects.get(), threading.Event())

    ((headers, body),) = receiver.requests
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}."
    content = signed.encode() + body
    digest = hmac.new(b"open sesame", content, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    assert headers["X-MLflow-Signature"] == expected
    assert headers["Content-Type"] == "application/json"
    assert uuid.UUID(headers["X-MLflow-Delivery-Id"]).version == 5
    assert set(json.loads(body)) == {"entity", "action", "timestamp", "data"}


def test_webhook_without_a_secret_is_not_signed(admin, receiver):
    one = made(admin, receiver, "prompt.created", secret="open sesame")
    path = f"webhooks/{one['webhook_id']}"

    admin.ok(f"{path}/test")
    admin.patch(path, secret="")
    admin.ok(f"{path}/test")

    signed = ["X-MLflow-Signature" in headers for headers, _body in receiver.requests]
    assert signed == [True, False]


def test_test_sends_the_example_of_the_event_that_is_named(admin, receiver):
    one = made(admin, receiver, "prompt.created")
    path = f"webhooks/{one['webhook_id']}/test"

    first = admin.ok(path)["result"]
    receiver.status = 500
    other = admin.ok(path, event=sent("prompt_tag.deleted"))["result"]
    unknown = admin.post(path, event=sent("budget_policy.exceeded"))
    no_event = admin.post(path, event="prompt.created")

    assert first == {"success": True, "response_status": 200}
    failed = {"success": False, "response_status": 500}
    assert other == {**failed, "error_message": "It answered 500."}
    assert unknown.code == no_event.code == "INVALID_PARAMETER_VALUE"
    assert [e["entity"] for e in receiver.events] == ["prompt", "prompt_tag"]
    assert receiver.events[1]["data"] == {
        "name": "example_prompt",
        "key": "example_key",
    }


def test_nobody_but_an_admin_sees_addresses(mlflow_as, admin, receiver):
    one = made(admin, receiver, "prompt.created")

    for role in ("viewer", "data scientist", "approver"):
        caller = mlflow_as(role)
        assert caller.get("webhooks").status == 403
        assert caller.get(f"webhooks/{one['webhook_id']}").status == 403
        assert caller.post("webhooks", {}).status == 403
