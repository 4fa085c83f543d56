"""Route updates: who sends them, and what a gateway answers before the first."""

import os
import signal
from pathlib import Path

import pytest

from deployments.serving.publishing import FilePublisher, route_name
from tests.deployments.conftest import children_of
from tests.deployments.gateway.process import (
    DIGEST,
    GatewayProcess,
    publish,
    publisher_of,
    route,
)
from tests.deployments.targets.waiting import until

CHANGES = 100


@pytest.fixture
def own_gateway(short_dir):
    """Return a gateway of this test's own, which nobody has told anything."""
    made = GatewayProcess(short_dir, "--workers", "1", is_synced=False)
    yield made
    made.close()


def worker_of(gateway):
    (found,) = children_of(gateway.process.pid)
    return found[0]


def sockets(gateway):
    return list((gateway.data_dir / "run" / "gateways").glob("[!.]*.sock"))


def place(gateway, servers, model, deployment_id):
    publish(gateway.data_dir, deployment_id, servers())
    route(gateway.data_dir, model, {"deployment_id": deployment_id})


def test_what_a_fresh_gateway_does_not_know_may_come_until_it_was_told_all(own_gateway):
    path = "/serving/staging/unknown/v2/models/unknown/infer"

    early = own_gateway.post(path, {})
    own_gateway.sync()
    late = own_gateway.post(path, {})

    assert (early[0], early[2]["retry-after"]) == (503, "1")
    assert "has just started" in early[1]["error"]
    assert late[0] == 401
    publisher_of(own_gateway.data_dir).put("keys", {"open": True, "digests": []})
    publisher_of(own_gateway.data_dir).settle()
    assert own_gateway.post(path, {})[0] == 404


def test_a_fresh_gateway_answers_what_was_published_before_it_began(short_dir, servers):
    publish(short_dir, "a", servers())
    route(short_dir, "m", {"deployment_id": "a"})
    gateway = GatewayProcess(short_dir, is_synced=False)

    answer = gateway.post("/serving/staging/m/v2/models/m/infer", {})
    gateway.close()

    assert answer[0] == 200


def test_a_dead_gateway_holds_nothing_up_and_leaves_nothing(own_gateway):
    publisher = FilePublisher(own_gateway.data_dir / "run")
    publisher.settle()
    there = len(sockets(own_gateway))
    os.kill(own_gateway.process.pid, signal.SIGSTOP)  # or it starts another
    os.kill(worker_of(own_gateway), signal.SIGKILL)

    def left():
        publisher.settle()
        return sockets(own_gateway)

    until(lambda: not left())
    os.kill(own_gateway.process.pid, signal.SIGCONT)
    publisher.close()

    assert there == 1


def test_a_gateway_that_slept_answers_by_the_new_route_when_it_wakes_up(
    own_gateway, servers
):
    place(own_gateway, servers, "m", "old")
    worker = worker_of(own_gateway)
    os.kill(worker, signal.SIGSTOP)
    place(own_gateway, servers, "m", "new")
    os.kill(worker, signal.SIGCONT)

    answer = own_gateway.post("/serving/staging/m/v2/models/m/infer", {})

    assert answer[2]["x-deployment-id"] == "new"


def test_a_second_publisher_is_heard_as_well(own_gateway, servers):
    place(own_gateway, servers, "m", "old")
    second = FilePublisher(own_gateway.data_dir / "run")

    second.drop(route_name("staging", "m"))
    second.complete()
    second.settle()
    status = own_gateway.post("/serving/staging/m/v2/models/m/infer", {})[0]
    second.close()

    assert status == 401


@pytest.mark.slow
def test_a_change_costs_the_same_however_many_routes_there_are(own_gateway):
    few = cost_of_changes(own_gateway)
    for number in range(10_000):
        put(own_gateway, f"crowd-{number}")
    publisher_of(own_gateway.data_dir).settle()

    assert cost_of_changes(own_gateway) < 3 * few + 0.05 * CHANGES / 10


def put(gateway, model, weight=100):
    entry = {"deployment_id": model, "version": "1", "weight": weight, "shadow": False}
    value = {"environment": "staging", "model": model, "entries": [entry]}
    value |= {"keys": [DIGEST], "sample_rate": 0.0}
    publisher_of(gateway.data_dir).put(route_name("staging", model), value)


def cost_of_changes(gateway):
    """Return the CPU seconds that a gateway takes for some changes of one route."""

    def used():
        stat = Path(f"/proc/{worker_of(gateway)}/stat").read_text().rpartition(")")[2]
        return sum(map(int, stat.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    before = used()
    for number in range(CHANGES):
        put(gateway, "m", number)
        publisher_of(gateway.data_dir).settle()
    return used() - before


def test_what_gateways_count_together_is_kept_however_old_it_is(own_gateway):
    own_gateway.sync()
    folder = own_gateway.data_dir / "run" / "gateways"
    counted = [each for each in folder.iterdir() if not each.suffix]
    left = folder / "killed.json"
    left.write_text("{}")
    for each in (*counted, left):
        os.utime(each, (0, 0))

    publisher_of(own_gateway.data_dir).put("keys", {"open": True, "digests": []})
    publisher_of(own_gateway.data_dir).settle()

    names = {each.name.partition("-")[0] for each in counted}
    assert names == {"keys", "loads", "seats"}
    assert all(each.exists() for each in counted)
    assert not left.exists()
