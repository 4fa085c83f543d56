"""No prediction waits because something changed elsewhere.

A gateway process answers in the loop in which it reads routes. How long that holds a
prediction up is told by the time that the process was on a processor meanwhile: a busy
machine does not stretch it.
"""

import threading
from pathlib import Path

import pytest

from deployments.serving.publishing import FilePublisher, route_name
from tests.deployments.conftest import children_of
from tests.deployments.gateway.process import (
    FakeServer,
    GatewayProcess,
    publish,
    publisher_of,
    route,
)

CHANGES, MOST_S = 100, 0.05
PATH = "/serving/staging/m/v2/models/m/infer"
CROWDS = [
    pytest.param(50, id="beside few"),
    pytest.param(10_000, id="in a crowd", marks=pytest.mark.slow),
]


def change(gateway, number, weight=100):
    """Let another slot's route say something new."""
    entry = {"deployment_id": f"d-{number}", "version": "1", "shadow": False}
    value = {"environment": "production", "model": f"other-{number}", "keys": []}
    value["entries"] = [{**entry, "weight": weight}]
    publisher_of(gateway.data_dir).put(route_name("production", value["model"]), value)


@pytest.fixture(params=CROWDS)
def crowded(request, short_dir):
    """Return a gateway of one process with one slot that answers, beside others."""
    gateway, server = GatewayProcess(short_dir, "--workers", "1"), FakeServer(short_dir)
    publish(short_dir, "a", server)
    route(short_dir, "m", {"deployment_id": "a"})
    for number in range(request.param):
        change(gateway, number)
    publisher_of(short_dir).settle()
    yield gateway
    gateway.close()
    server.close()


def on_a_processor_s(gateway) -> float:
    ((worker, *_),) = children_of(gateway.process.pid)
    files = Path(f"/proc/{worker}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in files) / 1e9


def held_up_s(gateway, work) -> float:
    """Predict without a pause while `work` is done; return what one took at most."""
    longest, doing = 0.0, threading.Thread(target=work)
    doing.start()
    while doing.is_alive():
        before = on_a_processor_s(gateway)
        assert gateway.post(PATH, {})[0] == 200
        longest = max(longest, on_a_processor_s(gateway) - before)
    return longest


def test_changes_of_other_routes_hold_no_prediction_up(crowded):
    def work():
        for number in range(CHANGES):
            change(crowded, number % 50, number % 99 + 1)
            publisher_of(crowded.data_dir).settle()

    assert held_up_s(crowded, work) < MOST_S


def test_many_changes_at_once_hold_no_prediction_up(crowded):
    def work():
        for number in range(10 * CHANGES):
            change(crowded, number, number % 99 + 1)
        publisher_of(crowded.data_dir).settle()

    assert held_up_s(crowded, work) < MOST_S


def test_a_reconciler_that_is_new_holds_no_prediction_up(crowded):
    def work():
        for _ in range(3):
            other = FilePublisher(crowded.data_dir / "run")
            other.settle()
            other.close()

    assert held_up_s(crowded, work) < MOST_S
