"""`manage.py up`: from nothing to the banner, down again, and up with the data."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPException

import pytest
from django.conf import settings

from mlops.demo.api import Api, request
from tests.demo.live import END_OF_BANNER, LiveStack
from tests.deployments.targets.waiting import until
from tests.ports import free_port

pytestmark = pytest.mark.slow

LIFECYCLE = "/api/v1/ml/lifecycle"
ADDRESS = re.compile(r"http://localhost:\d+[\w/.-]*")
MODEL = "next-day-direction"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = LiveStack(tmp_path_factory.mktemp("up"))
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def scientist(stack):
    return Api(stack.url, stack.tokens["scientist"])


def banner(stack):
    """Return all that is printed from the banner on."""
    return stack.output[stack.output.index("MLOps is up") :]


def predicted(stack, **environment):
    """Run the call that is shown; return the names of its outputs."""
    shown = banner(stack)
    call = shown[shown.index("curl") :].split("\n\n")[0]
    answer = subprocess.run(
        ["bash", "-c", call],
        check=False,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    return {output["name"] for output in json.loads(answer.stdout)["outputs"]}


def test_every_address_of_the_banner_answers(stack):
    key = {"Authorization": f"Bearer {stack.tokens['scientist']}"}
    addresses = set(ADDRESS.findall(banner(stack)))

    assert len(addresses) == 5
    for address in addresses - {a for a in addresses if a.endswith("/infer")}:
        status, _ = request("GET", address, headers=key)
        assert status in {200, 302}, address


def test_banner_comes_before_the_demo_is_told(stack):
    end = stack.output.index(END_OF_BANNER)

    assert "demo     │" not in stack.output[:end]
    assert stack.output[:end].count("│") < 10
    assert "demo     │ 1/9" in stack.output[end:]
    assert stack.output.count("demo     │") < 15


def test_second_up_on_the_same_data_refuses_and_harms_nothing(stack):
    second = subprocess.run(
        [sys.executable, "manage.py", "up"],
        check=False,
        cwd=settings.BASE_DIR,
        env=os.environ
        | {"MLOPS_DATA_DIR": str(stack.folder)}
        | {"MLOPS_PORT": str(free_port()), "MLOPS_SERVING_PORT": str(free_port())}
        | {"DJANGO_SETTINGS_MODULE": "mlops.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert second.returncode == 1
    assert f"{stack.folder} is in use" in second.stderr
    assert f"process {stack.process.pid}" in second.stderr
    assert predicted(stack) == {"label", "probabilities"}
    assert "took over" not in stack.output


def test_call_of_the_banner_predicts(stack):
    assert predicted(stack) == {"label", "probabilities"}


def test_admin_signs_in_with_the_password_of_the_banner(stack):
    password = re.search(r"as admin, password (\S+)", banner(stack))[1]
    form = f"username=admin&password={password}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    status, body = request("POST", f"{stack.url}/api/v1/auth/login", form, kind)

    assert status == 200
    assert json.loads(body)["access_token"]


def test_story_has_left_its_traces(scientist):
    deployments = scientist.get(f"{LIFECYCLE}/deployments", model_name=MODEL)
    statuses = {(one["model_version"], one["status"]) for one in deployments}
    drift = scientist.get(f"{LIFECYCLE}/drift-events", model_name=MODEL)
    steps = scientist.get(f"{LIFECYCLE}/runs/demo-boosted-2007-2018/metrics/loss")

    assert statuses == {
        ("1.0.0", "active"),
        ("2.0.0", "rollback"),
        ("1.0.0", "terminated"),
    }
    volatile = [one for one in drift if one["metric_name"].endswith(".vol_21d")]
    assert volatile
    assert all(one["metric_value"] >= one["threshold"] for one in drift)
    assert len(steps) >= 40


def test_predictions_of_the_story_are_all_counted(scientist):
    def counted(_):
        found = scientist.get(f"{LIFECYCLE}/deployments", model_name=MODEL)
        return sum((one["metrics"] or {}).get("request_count", 0) for one in found)

    scientist.wait(f"{LIFECYCLE}/deployments", lambda _: counted(_) >= 150)


def test_forty_bodies_that_never_end_keep_nobody_waiting(stack):
    head = (
        f"POST {LIFECYCLE}/experiments HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {stack.tokens['scientist']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with contextlib.ExitStack() as slow:
        for _ in range(40):
            client = socket.create_connection(("127.0.0.1", stack.port))
            slow.enter_context(client).sendall(head.encode())

        with socket.create_connection(("127.0.0.1", stack.port), 30) as quick:
            quick.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in quick.recv(100)


def test_program_that_is_killed_comes_back(stack):
    web = _pid_of(stack, "granian")

    os.kill(web, signal.SIGKILL)

    until(lambda: "web      │ ended with exit code" in stack.output, 120)
    until(lambda: _pid_of(stack, "granian") not in {0, web}, 120)
    until(lambda: _answers(stack), 120)


def test_taken_port_is_a_clear_message(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = subprocess.run(
            [sys.executable, "manage.py", "up"],
            check=False,
            cwd=settings.BASE_DIR,
            env=os.environ | {"MLOPS_PORT": port, "MLOPS_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )

    assert answer.returncode == 1
    assert f"Port {port} is taken" in answer.stderr
    assert "MLOPS_PORT=" in answer.stderr


def test_stop_and_second_start_keep_the_data(tmp_path):
    stack = LiveStack(tmp_path)
    stack.start()
    token, children = stack.tokens["scientist"], _children(stack)

    assert stack.stop() == 0
    assert not [pid for pid in children if _is_alive(pid)]

    stack.start()
    try:
        assert "issue_token" in banner(stack)
        assert not stack.tokens
        answer = Api(stack.url, token).get(f"{LIFECYCLE}/models", model_name=MODEL)
        assert len(answer) == 2
        assert predicted(stack, TOKEN=token) == {"label", "probabilities"}
    finally:
        stack.stop()


def _answers(stack):
    """Whether it says so itself: one that dies still takes connections for a moment."""
    try:
        return request("GET", f"{stack.url}/healthz")[0] == 200
    except (OSError, HTTPException):
        return False


def _children(stack):
    """Return every process below the stack's own."""
    found, waiting = set(), [stack.process.pid]
    while waiting:
        path = f"/proc/{waiting[0]}/task/{waiting.pop(0)}/children"
        try:
            with open(path) as file:  # noqa: PTH123 - procfs
                new = {int(pid) for pid in file.read().split()} - found
        except OSError:
            continue
        found |= new
        waiting += new
    return found


def _pid_of(stack, word):
    for pid in sorted(_children(stack)):
        try:
            with open(f"/proc/{pid}/cmdline") as file:  # noqa: PTH123 - procfs
                if word in file.read():
                    return pid
        except OSError:
            continue
    return 0


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - procfs
            return file.read().split()[2] != "Z"
    except OSError:
        return False
