"""A call's latency is the callers'; how much of it is the model's is counted beside."""

import json
import os
import signal
import threading
import time

import pytest

from deployments.serving.histogram import bucket
from tests.deployments.gateway.process import reply
from tests.deployments.gateway.real import serving
from tests.deployments.targets import models
from tests.deployments.targets.waiting import until

STOPPED_S, SLOW_S = 0.5, 0.2
PATH = "/serving/staging/iris"
ROW = {"instances": [[5.1, 3.0, 1.0, 0.0]]}


def own_times(tally) -> dict[int, int]:
    """Return the histogram of a model's own times, by bucket."""
    numbers = {**tally["histogram"], **tally["correction"]}
    both = {
        int(number): tally["histogram"].get(number, 0)
        + tally["correction"].get(number, 0)
        for number in numbers
    }
    return {number: count for number, count in both.items() if count}


@pytest.fixture
def own_time_with(gateway, slot):
    """Return a caller of a slow model server that puts a line into its answer's head.

    It returns the bucket that the call's own time fell into.
    """

    def call(line: bytes) -> int:
        def behave(server, connection, request) -> bool:
            time.sleep(SLOW_S)
            return reply(connection, more=line)

        here = slot(behave)
        assert gateway.post(here.infer, {})[0] == 200
        until(lambda: gateway.counted().get(here.id))
        (number,) = own_times(gateway.counted()[here.id])
        return number

    return call


@pytest.mark.parametrize("said_ms", [0, 30])
def test_what_a_model_server_says_that_it_took_is_its_own_time(own_time_with, said_ms):
    assert own_time_with(b"x-took-ms: %d\r\n" % said_ms) == bucket(said_ms)


@pytest.mark.parametrize("line", [b"", b"x-took-ms: \r\n", b"x-took-ms: -1\r\n"])
def test_one_that_says_nothing_of_use_took_all_of_it(own_time_with, line):
    assert own_time_with(line) >= bucket(SLOW_S * 1000)


def test_nothing_takes_longer_than_its_call(own_time_with):
    assert (
        bucket(SLOW_S * 1000) <= own_time_with(b"x-took-ms: 99999999\r\n") < bucket(9e7)
    )


def process_of(gateway) -> int:
    (path,) = (gateway.data_dir / "run" / "instances").glob("*.json")
    return json.loads(path.read_bytes())["pid"]


def tally_of(gateway):
    (tally,) = gateway.counted().values()
    return tally


def test_while_a_model_process_does_not_run_no_time_is_its_own():
    with serving(iris=models.onnx_bytes()) as gateway:
        pid, began = process_of(gateway), time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        asking = threading.Thread(target=gateway.post, args=(PATH, ROW))
        asking.start()
        until(lambda: time.monotonic() - began > STOPPED_S)
        os.kill(pid, signal.SIGCONT)
        asking.join()
        until(lambda: gateway.counted() and tally_of(gateway)["request_count"] == 1)

        tally = tally_of(gateway)

    assert tally["sum_ms"] > STOPPED_S * 500
    assert max(own_times(tally)) < bucket(tally["sum_ms"] / 2)
