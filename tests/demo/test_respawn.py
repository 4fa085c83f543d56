"""A web worker that is killed comes back, and the web server stays."""

import contextlib
import os
import signal
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

import pytest

from mlops.demo.api import request
from tests.demo.live import LiveStack
from tests.deployments.conftest import children_of
from tests.deployments.targets.waiting import until

pytestmark = pytest.mark.slow


def test_a_web_worker_that_is_killed_comes_back(tmp_path):
    stack = LiveStack(tmp_path, "--no-demo")
    stack.start()
    try:
        server = web_server(stack)
        (worker,) = children_of(server)
        os.kill(worker[0], signal.SIGKILL)

        until(lambda: [one for one in children_of(server) if one[0] != worker[0]])
        until(lambda: answers(stack))

        assert web_server(stack) == server
        assert "starting it again" not in stack.output
    finally:
        stack.stop()


def web_server(stack):
    """Return the process that holds the web server's socket."""
    for pid, _ in children_of(stack.process.pid):
        if b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("There is no web server.")


def answers(stack):
    with contextlib.suppress(OSError, HTTPException):
        return request("GET", f"{stack.url}/healthz")[0] == HTTPStatus.OK
    return False
