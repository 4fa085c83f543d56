"""What clients learn of deployments: events, logs, figures, streams; and keys."""

import gc
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from deployments.logs import path_of
from deployments.models import Deployment, DeploymentKey
from deployments.models.report import report
from deployments.serving import logs
from deployments.serving.gateway.shared import Seats
from deployments.serving.gateway.usage import Usage
from deployments.viewsets.stream import MAX_STREAMS
from mlops.demo.management.commands import up
from tests.contract.shapes import SHAPES
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
    served,
)

pytestmark = pytest.mark.django_db
HOME = "/api/v1/ml/lifecycle/deployments"


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
    for bad in ("window=8d", "step=2m", "window=30d&step=1m", "window=5m&step=1h"):
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


def test_a_key_names_the_endpoint_that_it_opens(api, django_assert_max_num_queries):
    deployment = DeploymentFactory(active=True)
    url = f"{HOME}/{deployment.pk}/keys"
    for name in "abc":
        made = api("deployer").post(url, {"name": name}).json()
    viewer = api("viewer")

    with django_assert_max_num_queries(7):
        (shown, *_others) = viewer.get(url).json()

    for key in (made, shown):
        assert key["model_name"] == deployment.slot.model.name
        assert key["environment"] == "development"
        assert key["endpoint"] == deployment.endpoint


def test_a_key_has_limits_and_shows_its_usage(api, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    deployment = DeploymentFactory(active=True)
    url = f"{HOME}/{deployment.pk}/keys"
    limits = {
        "expires_at": "2199-01-01T00:00:00Z",
        "rate_per_minute": 60,
        "daily_quota": 1000,
    }

    made = api("deployer").post(url, {"name": "shop", **limits}).json()
    key = DeploymentKey.objects.get(pk=made["id"])
    usage = Usage(tmp_path / "run" / "gateways", Seats(tmp_path / "run" / "gateways"))
    for _ in range(3):
        usage.count(key.digest)
    usage.refuse(key.digest)

    (shown,) = api("viewer").get(url).json()
    assert {name: shown[name] for name in limits} == limits
    assert made["usage"]["requests_today"] == 0
    assert shown["usage"]["requests_today"] == 3
    assert shown["usage"]["refused_today"] == 1
    assert shown["usage"]["last_used_at"] is not None
    (day,) = shown["usage"]["days"]
    assert (day["requests"], day["refused"]) == (3, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires_at", "2001-01-01T00:00:00Z"),
        ("expires_at", "soon"),
        ("rate_per_minute", 0),
        ("daily_quota", -1),
        ("daily_quota", "10"),
        ("daily_quota", 2**40),
    ],
)
def test_a_limit_of_a_key_that_makes_no_sense_is_refused(api, field, value):
    url = f"{HOME}/{DeploymentFactory(active=True).pk}/keys"

    answer = api("deployer").post(url, {"name": "shop", field: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][-1] == field
    assert not DeploymentKey.objects.exists()


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
    path = path_of(str(deployment.pk))
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


@pytest.mark.parametrize("last", ["x", "1-2", "-1", "1234567890"])
def test_a_last_event_that_no_stream_gave_is_refused(api, last):
    deployment = Deployment.request(VersionFactory(), "development", by=None)

    answer = api("viewer").get(
        f"{HOME}/{deployment.pk}/stream", headers={"Last-Event-ID": last}
    )

    assert answer.status_code == 400
    assert "Last-Event-ID" in answer.json()["detail"]


def test_each_message_of_a_stream_is_of_its_documented_type(api, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    deployment = Deployment.request(VersionFactory(), "development", by=None)
    deployment.fail("no model")
    path = path_of(str(deployment.pk))
    path.parent.mkdir(parents=True)
    url = f"{HOME}/{deployment.pk}/stream"
    before = streamed(api("viewer").get(url))[-1]["id"]
    logs.append(path, "a line")

    messages = streamed(api("viewer").get(url))
    messages += streamed(api("viewer").get(url, headers={"Last-Event-ID": before}))

    paths = SHAPES.document["paths"]
    operation = paths[f"{HOME}/{{deployment_id}}/stream"]["get"]
    documented = operation["responses"]["200"]["content"]["text/event-stream"]["schema"]
    assert {one["event"] for one in messages} == set(operation["x-events"])
    for one in messages:
        data = json.loads(one["data"])
        assert SHAPES.faults(operation["x-events"][one["event"]], data) == []
        assert SHAPES.faults(documented, data) == []


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
