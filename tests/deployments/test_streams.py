"""The hub: one reader for all streams, each of which misses nothing, twice nothing."""

import json
from contextlib import contextmanager
from datetime import timedelta
from random import Random

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments.logs import path_of
from deployments.models import Deployment, Lease
from deployments.serializers import DeploymentSerializer, context_of
from deployments.serving import logs
from deployments.streams import (
    Hub,
    Places,
    StreamPosition,
    StreamSubscription,
    subscription,
)
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
    served,
)

pytestmark = pytest.mark.django_db
NEW = StreamPosition()


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture(autouse=True)
def logs_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "run" / "logs").mkdir(parents=True)


def messages(taken):
    """Return the messages of a chunk, as dictionaries of their fields."""
    blocks = [block.splitlines() for block in taken.decode().strip().split("\n\n")]
    return [dict(line.split(": ", 1) for line in block) for block in blocks if block]


def data(taken, kind):
    return [json.loads(one["data"]) for one in messages(taken) if one["event"] == kind]


def sequences(taken):
    return [event["sequence"] for event in data(taken, "event")]


def fresh(deployment):
    row = Deployment.objects.detailed().get(pk=deployment.pk)
    shown = DeploymentSerializer(row, context=context_of([row])).data
    return json.loads(json.dumps(shown, default=str))


def log_line(deployment, text):
    logs.append(path_of(str(deployment.pk)), text)


# What it costs ------------------------------------------------------------------------
def test_a_step_costs_as_many_queries_for_fifty_streams_as_for_one(hub):
    watched = [served(VersionFactory()) for _ in range(10)]
    costs = []
    for streams_of_each in (0, 5):
        if not streams_of_each:
            hub.subscribe(watched[0].pk, NEW)
        for one in watched * streams_of_each:
            hub.subscribe(one.pk, NEW)
        for news in (False, True):
            for one in watched:
                if news:
                    one.notice(f"news {streams_of_each}")
            with CaptureQueriesContext(connection) as queries:
                hub.step()
            costs.append(len(queries))

    assert costs == [4, 5, 4, 5]


def test_nothing_is_asked_while_nobody_watches(hub, django_assert_num_queries):
    stream = hub.subscribe(DeploymentFactory(active=True).pk, NEW)
    stream.close()

    with django_assert_num_queries(0):
        left = hub.step()

    assert left == hub.watched == 0


def test_streams_share_the_bytes_of_a_message(hub):
    deployment = DeploymentFactory(active=True)
    streams = [hub.subscribe(deployment.pk, NEW) for _ in range(3)]
    for one in streams:
        one.take()
    deployment.notice("news")

    hub.step()

    (first, *others) = [one.take() for one in streams]
    assert sequences(first) == [1]
    assert others == [first, first]


def test_a_log_is_read_once_for_all_streams(hub):
    deployment = DeploymentFactory(active=True)
    streams = [hub.subscribe(deployment.pk, NEW) for _ in range(2)]
    log_line(deployment, "a line")

    hub.step()
    hub.step()

    assert [len(data(one.take(), "log")) for one in streams] == [1, 1]


# What they are told -------------------------------------------------------------------
def test_a_newcomer_sees_every_event_and_the_deployment(hub):
    deployment = served(VersionFactory())
    log_line(deployment, "before anybody looked")

    told = hub.subscribe(deployment.pk, NEW).take()

    assert sequences(told) == [1, 2, 3, 4]
    assert data(told, "deployment") == [fresh(deployment)]
    assert data(told, "log") == []


@contextmanager
def a_moment(hub, deployment):
    """Take one step around what is done, and have all of it be shown."""
    stream = hub.subscribe(deployment.pk, NEW)
    stream.take()
    yield
    hub.step()
    assert data(stream.take(), "deployment") == [fresh(deployment)]
    hub.step()
    assert stream.take() == b""


def test_whatever_an_answer_shows_moves_the_stream(hub):
    Lease.take("reconciler", "me")
    deployment = served(VersionFactory())
    ago = timezone.now() - timedelta(minutes=3)
    rows = Deployment.objects.filter(pk=deployment.pk)

    with a_moment(hub, deployment):
        rows.update(health="unhealthy", health_reason="it broke")
    with a_moment(hub, deployment):
        count(deployment, ago, request_count=3, sum_ms=9.0)
    with a_moment(hub, deployment):
        Lease.objects.update(expires_at=ago)
    with a_moment(hub, deployment):
        rows.update(traffic_percent=7)
    with a_moment(hub, deployment):
        type(deployment.slot.model).objects.update(name="renamed")


def test_one_that_ends_says_so_last_and_its_streams_end(hub):
    deployment = DeploymentFactory(status="pending")
    stream = hub.subscribe(deployment.pk, NEW)
    stream.take()
    deployment.fail("no model")

    hub.step()

    told = stream.take()
    assert [one["event"] for one in messages(told)] == ["event", "deployment", "end"]
    assert data(told, "end") == ["failed"]
    assert stream.is_over
    assert hub.watched == 0


def test_one_that_is_deleted_ends_its_streams_and_no_others(hub):
    gone, stays = DeploymentFactory(active=True), DeploymentFactory(active=True)
    streams = [hub.subscribe(one.pk, NEW) for one in (gone, stays)]
    for one in streams:
        one.take()
    Deployment.objects.filter(pk=gone.pk).delete()

    hub.step()

    for one in streams:
        one.take()
    assert [one.is_over for one in streams] == [True, False]
    assert hub.subscribe(gone.pk, NEW).take() == b""


class Unbroken(Random):
    """Never lets a line break."""

    def random(self):
        return 1.0


# Coming back --------------------------------------------------------------------------
class Client:
    """Reads, loses its connection, and comes back with the last id that it saw."""

    def __init__(self, deployment):
        self.deployment, self.last_id, self.stream = deployment, "", None
        self.events, self.lines = [], []

    def connect(self, hub):
        position = StreamPosition.named(self.last_id)
        self.stream = hub.subscribe(self.deployment.pk, position)

    def lose(self):
        self.stream.close()

    def read(self, chance):
        """Read what is there; the line may break behind any message."""
        taken = messages(self.stream.take())
        breaks = chance.random() < 0.4
        for one in taken[: chance.randrange(len(taken) + 1)] if breaks else taken:
            self.last_id = one["id"]
            if one["event"] == "event":
                self.events.append(json.loads(one["data"])["sequence"])
            if one["event"] == "log":
                self.lines.append(json.loads(one["data"]).rpartition(" ")[2])
        return breaks


@pytest.mark.parametrize("seed", range(6))
def test_whoever_comes_back_misses_nothing_and_sees_nothing_twice(seed, monkeypatch):
    chance = Random(seed)  # noqa: S311 - the same walk each time
    monkeypatch.setattr(logs, "MAX_BYTES", 400)
    deployment = DeploymentFactory(active=True)
    log_line(deployment, "before")
    hubs, clients = [Hub(), Hub()], [Client(deployment) for _ in range(3)]
    for one in clients:
        one.connect(chance.choice(hubs))
        one.read(Unbroken(seed))
    said = written = 0
    for _ in range(25):
        said += told(chance, lambda n: deployment.notice(f"notice {n}"), said)
        written += told(chance, lambda n: log_line(deployment, f"line-{n}"), written)
        for one in chance.sample(hubs, chance.randrange(3)):
            one.step()
        for one in clients:
            if one.read(chance) or chance.random() < 0.2:
                one.lose()
                one.connect(chance.choice(hubs))
    rotate_and_settle(deployment, hubs, clients)

    for one in clients:
        assert one.events == list(range(1, said + 1))
        assert one.lines == [f"line-{number}" for number in range(1, written + 1)]


def told(chance, tell, before):
    """Tell up to two more things, and return how many."""
    more = chance.randrange(3)
    for number in range(before + 1, before + more + 1):
        tell(number)
    return more


def rotate_and_settle(deployment, hubs, clients):
    """Empty the log into its copy, and let all clients read to the end."""
    logs.cap(path_of(str(deployment.pk)))
    for one in hubs:
        one.step()
    whole = Unbroken(1)
    for one in clients:
        one.read(whole)
        one.lose()
        one.connect(hubs[0])
        one.read(whole)


def test_a_position_that_another_process_told_is_caught_up_with_first(hub):
    deployment = DeploymentFactory(active=True)
    behind = hub.subscribe(deployment.pk, NEW)
    behind.take()
    log_line(deployment, "told elsewhere")
    elsewhere = Hub().subscribe(deployment.pk, NEW)
    last = messages(elsewhere.take())[-1]["id"]

    returned = hub.subscribe(deployment.pk, StreamPosition.named(last))
    hub.step()

    assert [len(data(one.take(), "log")) for one in (behind, returned)] == [1, 0]


# Who reads slowly ---------------------------------------------------------------------
def test_who_reads_too_slowly_is_dropped_and_holds_no_memory(hub):
    deployment = DeploymentFactory(active=True)
    slow, quick = (hub.subscribe(deployment.pk, NEW) for _ in range(2))
    held, seen = [], 0
    for turn in range(8):
        for number in range(20):
            deployment.notice(f"{turn} {number} " + "x" * 20_000)
        hub.step()
        held.append(slow.pending_bytes)
        seen += len(sequences(quick.take()))

    assert max(held) <= subscription.MAX_PENDING_BYTES
    assert slow.was_dropped
    assert slow.is_over
    assert slow.take() == b""
    assert not quick.is_over
    assert seen == 20 * len(held)


def test_one_chunk_is_never_too_much():
    stream = StreamSubscription(b"")

    stream.put(b"x" * (subscription.MAX_PENDING_BYTES + 1))

    assert len(stream.take()) > subscription.MAX_PENDING_BYTES


def test_a_base_that_does_not_answer_ends_the_streams(hub):
    stream = hub.subscribe(DeploymentFactory(active=True).pk, NEW)
    stream.take()

    def away(*_arguments):
        raise OperationalError("gone")

    with connection.execute_wrapper(away), pytest.raises(OperationalError):
        hub.step()

    assert stream.is_over
    assert hub.watched == 0


def test_places_are_given_back_and_no_more():
    places = Places(2)

    taken = [places.take() for _ in range(3)]
    places.give_back()

    assert taken == [True, True, False]
    assert [places.take(), places.take()] == [True, False]
