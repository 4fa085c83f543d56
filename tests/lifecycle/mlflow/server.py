"""A live server on the database of a running test, in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from tests.ports import free_port

ROOT = Path(__file__).parents[3]
READY_S = 180


@contextmanager
def live_server():
    """Run the project on the test database; yield its address and process id."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1"),
        *("--blocking-threads", "4", "--log-level", "warning"),
        *("--host", "127.0.0.1", "--port", str(port)),
        "tests.lifecycle.mlflow.live:application",
    ]
    env = {**os.environ, "LIVE_DATABASE": json.dumps(_database())}
    with subprocess.Popen(command, cwd=ROOT, env=env) as process:
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


def _database():
    known = connection.settings_dict
    return {
        key: str(known[key]) for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    }


def _wait(port, process):
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the server did not come up")
