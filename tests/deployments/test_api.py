"""The API of deployments as clients see it."""

import gc
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from deployments import logs
from deployments.models import Deployment, DeploymentKey
from deployments.models.report import report
from deployments.states import Status
from deployments.viewsets.stream import MAX_STREAMS
from mlops.demo.management.commands import up
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
    served,
    walked,
)

pytestmark = pytest.mark.django_db
HOME = "/api/v1/ml/lifecycle/deployments"


def body(version, **more):
    return {"model_id": str(version.pk), "environment": "development", **more}


def test_a_deployment_is_created_pending_and_can_be_read(api):
    version = VersionFactory()

    created = api("deployer").post(HOME, body(version, deployment_notes="first"))

    assert created.status_code == 201
    answer = created.json()
    assert answer["id"] == answer["_id"]
    assert answer["status"] == "pending"
    assert answer["model_name"] == version.model.name
    assert answer["experiment_name"] == version.run.experiment.name
    assert answer["created_by"] == "deployer"
    assert answer["deployment_notes"] == "first"
    assert answer["endpoint"].endswith(f"/serving/development/{version.model.name}")
    assert answer["endpoint_config"] == {
        "instances": 1,
        "instance_type": "standard",
        "auto_scaling": False,
    }
    assert "deployed_at" not in answer
    assert answer["terminated_at"] is None
    detail = api("viewer").get(created["Location"]).json()
    assert detail["logs"] == [
        line for line in detail["logs"] if "new → pending: first" in line
    ]
    assert (detail["request_count"], detail["error_rate"]) == (0, 0)
    assert (detail["avg_latency_ms"], detail["metrics"]["avg_latency_ms"]) == (0, None)


@pytest.mark.parametrize(
    "url", [HOME, f"{HOME}/", HOME.replace("cycle/", "cycle/lifecycle/")]
)
def test_every_address_takes_every_form_of_the_body(api, url):
    version = VersionFactory()
    forms = [
        {"model_id": str(version.pk)},
        {"model_id": f"{version.model.name}:{version.version}"},
        {"model_id": f"{version.model.name}/{version.version}"},
        {
            "model_name": version.model.name,
            "model_version": version.version,
            "experiment_name": version.run.experiment.name,
            "endpoint": "http://elsewhere/",
            "created_by": "somebody",
            "endpoint_config": None,
        },
    ]

    for number, form in enumerate(forms, start=1):
        sized = {"environment": "staging", **form}
        if number < len(forms):
            sized["endpoint_config"] = {"instances": number}
        answer = api("deployer").post(url, sized)
        assert answer.status_code in {201, 409}, answer.json()

    assert Deployment.objects.filter(model_version=version).count() >= 3
    assert {one["endpoint"] for one in api().get(url).json()} == {
        Deployment.objects.first().endpoint
    }


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"environment": "moon"}, 422, "invalid"),
        ({"environment": None}, 422, "invalid"),
        ({"colour": "red"}, 422, "invalid"),
        ({"model_id": str(uuid.uuid4())}, 404, "not_found"),
        ({"model_id": 7.5}, 422, "invalid"),
        ({"model_name": "another"}, 422, "invalid"),
        ({"experiment_name": "nowhere"}, 404, "not_found"),
        ({"endpoint_config": {"instance_type": "mainframe"}}, 422, "invalid"),
        ({"endpoint_config": {"instances": 0}}, 422, "invalid"),
        ({"endpoint_config": {"instances": "2"}}, 422, "invalid"),
        ({"endpoint_config": {"auto_scaling": "yes"}}, 422, "invalid"),
        ({"endpoint_config": {"gpus": 1}}, 422, "invalid"),
        ({"endpoint_config": {"instances": 2, "max_instances": 1}}, 422, "invalid"),
        ({"strategy": {"type": "canary"}}, 422, "invalid"),
        ({"strategy": {"type": "hope"}}, 422, "invalid"),
        ({"environment": "production"}, 409, "not_approved"),
    ],
)
def test_a_bad_body_is_refused_and_leaves_nothing(api, change, status, code):
    answer = api("deployer").post(HOME, {**body(VersionFactory()), **change})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Deployment.objects.exists()


def test_a_body_that_names_no_version_says_what_is_missing(api):
    answer = api("deployer").post(HOME, {"environment": "staging", "model_name": "m"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "model_version"]


def test_the_same_request_twice_is_a_conflict_that_names_the_first(api):
    version = VersionFactory()
    first = api("deployer").post(HOME, body(version)).json()

    second = api("deployer").post(HOME, body(version))

    assert (second.status_code, second.json()["code"]) == (
        409,
        "deployment_in_progress",
    )
    assert first["id"] in second.json()["detail"]


def test_a_version_without_a_file_can_be_asked_for(api):
    answer = api("deployer").post(HOME, body(VersionFactory(has_file=False)))

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("role", "environment", "status"),
    [
        ("anonymous", "development", 401),
        ("viewer", "development", 403),
        ("approver", "development", 403),
        ("deployer", "development", 201),
        ("data scientist", "production", 403),
    ],
)
def test_deploying_needs_the_environments_permission(api, role, environment, status):
    version = VersionFactory()

    answer = api(role).post(HOME, body(version, environment=environment))

    assert answer.status_code == status


def test_a_deployment_is_found_by_id_run_and_label(api):
    version = VersionFactory()
    served(version)
    newest = served(version)
    names = [
        newest.pk,
        newest.pk.hex,
        version.run.uid,
        f"{version.model.name}:{version.version}",
    ]

    found = {api().get(f"{HOME}/{name}").json()["id"] for name in names}

    assert found == {str(newest.pk)}
    assert api().get(f"{HOME}/nothing").status_code == 404
    assert api().get(f"{HOME}/{uuid.uuid4()}").status_code == 404


def test_a_list_is_filtered_sorted_and_paged(api):
    first, second = DeploymentFactory(active=True), DeploymentFactory(status="failed")

    def ids(query):
        return [one["id"] for one in api().get(f"{HOME}?{query}").json()]

    assert ids("") == [str(second.pk), str(first.pk)]
    assert ids("status=active") == [str(first.pk)]
    assert ids("sort_by=created_at&sort_order=asc") == [str(first.pk), str(second.pk)]
    assert ids(f"model_name={second.slot.model.name}") == [str(second.pk)]
    assert ids("environment=production") == []
    paged = api().get(f"{HOME}?limit=1&page=2")
    assert (paged["X-Total-Count"], paged.json()[0]["id"]) == ("2", str(first.pk))
    for bad in (
        "status=happy",
        "environment=moon",
        "sort_by=colour",
        "colour=red",
        "page=0",
    ):
        assert api().get(f"{HOME}?{bad}").status_code == 400


def test_a_list_costs_the_same_queries_for_one_and_for_many(
    api, django_assert_max_num_queries
):
    client = api()
    DeploymentFactory()
    with django_assert_max_num_queries(5) as few:
        client.get(HOME)
    DeploymentFactory.create_batch(10, active=True)

    with django_assert_max_num_queries(len(few)):
        assert len(client.get(HOME).json()) == 11


def test_flat_and_nested_figures_have_one_source(api):
    deployment = DeploymentFactory(active=True)
    now = timezone.now().replace(second=0, microsecond=0)
    for gateway, minute in (("a", 0), ("b", 0), ("a", 1)):
        count(
            deployment,
            now - timedelta(minutes=minute),
            gateway,
            request_count=10,
            error_count=1,
            client_error_count=2,
            sum_ms=45.0,
            rejected_count=1,
            max_ms=9.0,
            histogram={"40": 9},
        )

    detail = api().get(f"{HOME}/{deployment.pk}").json()

    assert (detail["request_count"], detail["metrics"]["request_count"]) == (30, 30)
    assert (detail["error_rate"], detail["metrics"]["error_count"]) == (0.1, 3)
    assert detail["avg_latency_ms"] == detail["metrics"]["avg_latency_ms"] == 5.0
    assert 2.0 < detail["metrics"]["p95_latency_ms"] < 2.4
    assert detail["metrics"]["last_updated"].startswith(f"{now:%Y-%m-%dT%H:%M}")
    listed = api().get(HOME).json()[0]["metrics"]
    assert (listed["request_count"], listed["avg_latency_ms"]) == (30, 5.0)


def next_version(deployment):
    """Return a deployment of another version that took the slot over."""
    return served(VersionFactory(model=deployment.slot.model))


def test_a_rollback_answers_the_new_deployment(api):
    second = next_version(first := served(VersionFactory()))

    answer = api("deployer").post(f"{HOME}/{second.pk}/rollback", {"reason": "bad"})

    assert answer.status_code == 201
    new = answer.json()
    assert answer["Location"] == f"{HOME}/{new['id']}"
    assert (new["rollback_from"], new["status"]) == (str(second.pk), "pending")
    assert new["reason"] == "bad"
    assert api().get(f"{HOME}/{second.pk}").json()["status"] == "active"
    restored = walked(Deployment.objects.get(pk=new["id"]))
    assert restored.restores == first
    undone = api().get(f"{HOME}/{second.pk}").json()
    assert (undone["status"], undone["superseded_by"]) == ("rollback", new["id"])


def test_a_rollback_without_a_body_works_and_one_without_a_past_does_not(api):
    first = served(VersionFactory())

    nothing = api("deployer").post(f"{HOME}/{first.pk}/rollback")
    second = next_version(first)
    something = api("deployer").post(f"{HOME}/{second.pk}/rollback")

    assert (nothing.status_code, nothing.json()["code"]) == (
        409,
        "nothing_to_roll_back_to",
    )
    assert something.status_code == 201
    assert api("viewer").post(f"{HOME}/{second.pk}/rollback").status_code == 403


def test_a_rollback_to_a_named_target(api):
    version = VersionFactory()
    first, _second, third = served(version), served(version), served(version)

    unknown = api("deployer").post(
        f"{HOME}/{third.pk}/rollback", {"target_deployment_id": str(uuid.uuid4())}
    )
    named = api("deployer").post(
        f"{HOME}/{third.pk}/rollback", {"target_deployment_id": str(first.pk)}
    )

    assert unknown.status_code == 404
    assert named.status_code == 201
    assert Deployment.objects.get(pk=named.json()["id"]).restores == first


def label(deployment):
    return f"{deployment.slot.model.name}:{deployment.model_version.version}"


def test_a_rollback_to_a_named_version_stays_in_its_environment(api):
    version = VersionFactory()
    first = served(version, "staging")
    third = served(VersionFactory(model=version.model), "staging")
    served(version)
    Deployment.request(version, "staging", by=None).fail("no")
    stranger = served(VersionFactory(), "staging")

    answers = [
        api("deployer").post(
            f"{HOME}/{third.pk}/rollback", {"target_deployment_id": named}
        )
        for named in (label(stranger), str(stranger.pk), label(first))
    ]

    assert [answer.status_code for answer in answers] == [404, 409, 201]
    assert Deployment.objects.get(pk=answers[2].json()["id"]).restores == first


@pytest.mark.parametrize("url", ["", "/status"])
@pytest.mark.parametrize(
    ("at", "asked", "status"),
    [
        ("pending", "failed", 200),
        ("deploying", "failed", 200),
        ("active", "terminated", 200),
        ("pending", "active", 409),
        ("deploying", "active", 409),
        ("active", "failed", 409),
        ("failed", "active", 409),
        ("terminated", "active", 409),
        ("pending", "rollback", 409),
        ("failed", "failed", 409),
        ("active", "active", 409),
        ("pending", "happy", 422),
    ],
)
def test_a_client_asks_for_statuses_but_never_claims_active(
    api, url, at, asked, status
):
    deployment = DeploymentFactory(status=at)

    answer = api("deployer").patch(f"{HOME}/{deployment.pk}{url}", {"status": asked})

    assert answer.status_code == status
    deployment.refresh_from_db()
    assert deployment.status == (asked if status == 200 else at)
    if status == 409:
        assert answer.json()["code"] == "illegal_transition"


def test_the_refusal_names_what_could_be_asked(api):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").patch(
        f"{HOME}/{deployment.pk}/status", {"status": "pending"}
    )

    assert "terminated, rollback" in answer.json()["detail"]


def test_status_rollback_does_what_the_rollback_does(api):
    second = next_version(served(VersionFactory()))

    answer = api("deployer").patch(f"{HOME}/{second.pk}/status", {"status": "rollback"})

    assert answer.status_code == 200
    assert Deployment.objects.get(status=Status.PENDING).rollback_from == second


@pytest.mark.parametrize(
    "claim",
    [
        {"health_status": "healthy"},
        {"metrics": {"request_count": 9, "error_count": 0}},
        {"error_message": "none"},
    ],
)
def test_what_the_server_measures_cannot_be_claimed(api, claim):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").patch(f"{HOME}/{deployment.pk}", claim)

    assert (answer.status_code, answer.json()["code"]) == (409, "server_owned")


def test_a_patch_with_nothing_to_do_changes_nothing(api):
    deployment = DeploymentFactory(active=True)
    body = {"status": None, "health_status": None, "metrics": None, "endpoint": "x"}

    answer = api("deployer").patch(f"{HOME}/{deployment.pk}", body)

    assert answer.status_code == 200
    assert answer.json()["endpoint"] == deployment.endpoint


@pytest.mark.parametrize("verb", ["promote", "pause", "resume", "abort"])
def test_steering_without_a_rollout_is_a_conflict(api, verb):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").post(f"{HOME}/{deployment.pk}/{verb}")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_rolling_out")


def test_a_canary_is_steered(api):
    version = VersionFactory()
    served(version)
    strategy = {"type": "canary", "steps": [5, 50], "seconds_per_step": 30}
    made = api("deployer").post(HOME, body(version, strategy=strategy)).json()
    canary = walked(Deployment.objects.get(pk=made["id"]), Status.DEPLOYING)
    canary.begin_rollout()

    paused = api("deployer").post(f"{HOME}/{made['id']}/pause").json()
    aborted = api("deployer").post(f"{HOME}/{made['id']}/abort", {"reason": "slow"})

    assert (paused["strategy"], paused["is_paused"]) == (strategy, True)
    assert paused["traffic_percent"] == 5
    assert aborted.json()["error_message"] == "the rollout was aborted: slow"


def test_an_active_one_is_terminated(api):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").post(f"{HOME}/{deployment.pk}/terminate")

    assert (answer.status_code, answer.json()["status"]) == (200, "terminated")
    again = api("deployer").post(f"{HOME}/{deployment.pk}/terminate")
    assert (again.status_code, again.json()["code"]) == (409, "not_active")


def test_events_tell_the_story_in_order(api):
    first, _second = served(version := VersionFactory()), served(version)

    events = api("viewer").get(f"{HOME}/{first.pk}/events").json()

    assert [event["to_status"] for event in events] == [
        "pending",
        "validating",
        "deploying",
        "active",
        "terminated",
    ]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5]
    assert events[0]["from_status"] is None
    assert events[0]["mover"] == "user"


def test_logs_are_the_newest_lines(api):
    deployment = served(VersionFactory())

    lines = api().get(f"{HOME}/{deployment.pk}/logs?tail=2").json()

    assert len(lines) == 2
    assert lines[-1].endswith("[reconciler] deploying → active")
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    since = api().get(f"{HOME}/{deployment.pk}/logs", {"since": later})
    assert since.json() == []
    for bad in (
        "tail=0",
        "tail=x",
        "tail=1001",
        "tail=0000000019999",
        "tail=1" + "0" * 5000,
        "since=yesterday",
        "since=2026-01-01",
        "since=9999-12-31T23:59:59-01:00",
    ):
        assert api().get(f"{HOME}/{deployment.pk}/logs?{bad}").status_code == 400


def test_a_time_series_has_every_step_of_the_window(api):
    deployment = DeploymentFactory(active=True)
    now = timezone.now().astimezone(UTC)
    count(
        deployment,
        now,
        request_count=120,
        error_count=12,
        client_error_count=3,
        sum_ms=240.0,
        histogram={"40": 120},
    )

    answer = api().get(f"{HOME}/{deployment.pk}/metrics?window=5m").json()

    assert answer["step_seconds"] == 60
    assert len(answer["series"]) == 5
    # A minute may end between the two lines: the step is then no longer the last.
    (busy,) = (step for step in answer["series"] if step["rps"])
    assert (busy["rps"], busy["error_rate"], busy["avg_ms"]) == (2.0, 0.1, 2.0)
    assert busy["client_error_count"] == 3
    assert answer["total"]["request_count"] == 120
    assert answer["series"][0]["p50_ms"] is None
    assert datetime.fromisoformat(busy["at"]) <= now
    for bad in ("window=7d", "step=2m", "window=30d&step=1m", "window=5m&step=1h"):
        assert api().get(f"{HOME}/{deployment.pk}/metrics?{bad}").status_code == 400


def test_the_step_under_way_is_there_from_its_first_moment():
    deployment = DeploymentFactory(active=True)
    moment = datetime(2026, 1, 1, 12, 0, 0, 250, UTC)

    series = report(deployment, "5m", None, moment).series

    assert series[-1].starts_at == moment.replace(microsecond=0)


def test_keys_are_shown_once_listed_and_revoked(api):
    deployment = DeploymentFactory(active=True)
    url = f"{HOME}/{deployment.pk}/keys"

    made = api("deployer").post(url, {"name": "shop"})

    assert made.status_code == 201
    key = made.json()
    assert key["key"].startswith(key["prefix"])
    listed = api("deployer").get(url).json()
    assert [(one["name"], "key" in one) for one in listed] == [("shop", False)]
    assert api("deployer").delete(f"{url}/{key['id']}").status_code == 204
    assert DeploymentKey.objects.live().count() == 0
    assert api("deployer").delete(f"{url}/{uuid.uuid4()}").status_code == 404
    assert api("viewer").post(url, {"name": "mine"}).status_code == 403


def test_the_catalogue_lists_what_can_be_asked_for(api):
    kinds = api("viewer").get("/api/v1/ml/lifecycle/instance-types").json()

    assert {"name": "standard", "cpus": 1.0, "memory_bytes": 2**30} in kinds


def test_a_stream_tells_status_events_and_the_end(api):
    deployment = Deployment.request(VersionFactory(), "development", by=None)
    deployment.fail("no model")

    answer = api("viewer").get(
        f"{HOME}/{deployment.pk}/stream?seconds=5",
        headers={"Accept": "text/event-stream"},
    )
    text = b"".join(answer.streaming_content).decode()

    assert answer["Content-Type"] == "text/event-stream"
    assert text.index("event: event") < text.index("event: deployment")
    assert text.endswith('event: end\ndata: "failed"\n\n')
    for bad in ("seconds=0", "seconds=61", "seconds=x"):
        assert api().get(f"{HOME}/{deployment.pk}/stream?{bad}").status_code == 400


def test_a_stream_goes_on_after_the_last_event_seen(api):
    deployment = Deployment.request(VersionFactory(), "development", by=None)
    deployment.fail("no model")

    answer = api("viewer").get(
        f"{HOME}/{deployment.pk}/stream", headers={"Last-Event-ID": "1"}
    )
    text = b"".join(answer.streaming_content).decode()

    assert '"sequence":2' in text
    assert '"sequence":1,' not in text


def test_a_stream_goes_on_behind_the_last_log_line_seen(api, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    deployment = Deployment.request(VersionFactory(), "development", by=None)
    deployment.fail("no model")
    path = logs.path_of(str(deployment.pk))
    path.parent.mkdir(parents=True)
    url = f"{HOME}/{deployment.pk}/stream"
    logs.append(path, "before anybody looked")

    first = streamed(api("viewer").get(url))
    logs.append(path, "while nobody looked")
    logs.append(path, "native")
    end = first[-1]["id"]
    second = streamed(api("viewer").get(url, headers={"Last-Event-ID": end}))
    seen = next(one["id"] for one in second if one["event"] == "log")
    third = streamed(api("viewer").get(url, headers={"Last-Event-ID": seen}))

    assert logged(first) == []
    assert [text[-6:] for text in logged(second)] == ["looked", "native"]
    assert [text[-6:] for text in logged(third)] == ["native"]


def streamed(answer):
    """Return the messages of a stream, as dictionaries of their fields."""
    text = b"".join(answer.streaming_content).decode()
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    found = [dict(line.split(": ", 1) for line in block) for block in blocks]
    return [message for message in found if "event" in message]


def logged(messages):
    return [json.loads(one["data"]) for one in messages if one["event"] == "log"]


def test_streams_leave_half_of_the_threads_to_others():
    image = (Path(settings.BASE_DIR) / "Dockerfile").read_text()

    threads = re.search(r'"--blocking-threads", "(\d+)"', image)

    assert min(int(threads[1]), up.WEB_THREADS) >= 2 * MAX_STREAMS


def test_streams_give_their_places_back_and_too_many_are_turned_away(api):
    deployment = Deployment.request(VersionFactory(), "development", by=None)
    deployment.fail("no model")
    url, client = f"{HOME}/{deployment.pk}/stream", api("viewer")
    gc.collect()  # streams that other tests have opened and dropped
    for _ in range(MAX_STREAMS + 1):
        assert b"".join(client.get(url).streaming_content)

    opened = [client.get(url) for _ in range(MAX_STREAMS)]
    refused = client.get(url)
    for one in opened:
        assert b"".join(one.streaming_content)

    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    assert client.get(url).status_code == 200
