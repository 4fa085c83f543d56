"""The gateway's processes: started, renewed, killed and brought back."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from tests.deployments.gateway.clients import Clients
from tests.deployments.gateway.process import KEY, GatewayProcess
from tests.deployments.targets.waiting import until
from tests.ports import free_port

ENVIRONMENT = {"PATH": os.environ["PATH"]}
MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve_models"]


@pytest.fixture(scope="module")
def gateway(data_dir):
    made = GatewayProcess(data_dir, "--workers", "2")
    yield made
    made.close()


def workers(gateway) -> set[int]:
    pid = gateway.process.pid
    return {
        int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    }


def reload(gateway) -> None:
    """Renew the workers, and wait until only new ones are left or leaving."""
    before = workers(gateway)
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: len(workers(gateway) - before) == 2)
    until(lambda: not (workers(gateway) & before))


def wait_for_answers(clients, more: int) -> None:
    enough = clients.sent + more
    until(lambda: clients.sent >= enough)


def reload_under_load(gateway, slot, times: int):
    here = slot()
    with Clients(gateway, here.infer) as clients:
        for _ in range(times):
            wait_for_answers(clients, 20)
            reload(gateway)
        wait_for_answers(clients, 200)
    return clients


def test_reloads_renew_every_worker_and_fail_no_request(gateway, slot):
    first = workers(gateway)

    clients = reload_under_load(gateway, slot, 3)

    assert clients.statuses.keys() == {200}, clients.statuses
    assert not first & workers(gateway)
    assert len(workers(gateway)) == 2


@pytest.mark.slow
def test_a_hundred_reloads_fail_no_request(gateway, slot):
    clients = reload_under_load(gateway, slot, 100)

    assert clients.statuses.keys() == {200}, clients.statuses


def test_a_kept_connection_ends_with_an_answer_that_says_so(gateway, slot):
    here, headers = slot(), {"Authorization": f"Bearer {KEY}"}
    with contextlib.closing(gateway.connect()) as kept:
        kept.request("POST", here.infer, b"{}", headers)
        assert kept.getresponse().read() == b"{}"
        before = workers(gateway)
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: len(workers(gateway) - before) == 2)
        until(lambda: len(workers(gateway) & before) == 1)  # the one that it is held by

        sock = kept.sock
        kept.request("POST", here.infer, b"{}", headers)
        answer = kept.getresponse()

        assert kept.sock in (sock, None)
        assert (answer.status, answer.read()) == (200, b"{}")
        assert answer.headers["Connection"] == "close"
    until(lambda: not workers(gateway) & before)


def test_a_killed_worker_is_back_and_fails_only_what_it_was_answering(gateway, slot):
    here = slot()
    with Clients(gateway, here.infer) as clients:
        for _ in range(3):
            wait_for_answers(clients, 100)
            killed = min(workers(gateway))
            os.kill(killed, signal.SIGKILL)
            until(lambda gone=killed: len(workers(gateway) - {gone}) == 2)
        wait_for_answers(clients, 100)

    failed = clients.sent - clients.statuses[200]
    assert failed <= 3 * 4


def test_workers_go_when_their_supervisor_was_killed(data_dir):
    gateway = GatewayProcess(data_dir, "--workers", "2")
    left = workers(gateway)

    gateway.process.kill()
    gateway.process.wait()

    until(lambda: not any(is_running(pid) for pid in left))
    assert not gateway.listens()


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_sigterm_ends_all_of_it(data_dir):
    gateway = GatewayProcess(data_dir, "--workers", "2")
    left = workers(gateway)

    assert gateway.close() == 0
    assert not any(is_running(pid) for pid in left)


def test_a_port_that_is_taken_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run([sys.executable, "-m", "deployments.gateway", "--port", port])

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Cannot listen at 127.0.0.1:{port}: ")
    assert ended.stderr.count("\n") == 1


def run(command, **variables) -> subprocess.CompletedProcess:
    environment = ENVIRONMENT | variables
    return subprocess.run(
        command,
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "command", [MANAGE, [sys.executable, "-m", "deployments.gateway"]]
)
@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"MLOPS_ENV": "production", "MLOPS_OPEN_MODE": "1"}, "MLOPS_OPEN_MODE"),
        ({"MLOPS_SERVING_PORT": "none"}, "MLOPS_SERVING_PORT"),
        ({"MLOPS_MAX_BODY_BYTES": "1"}, "MLOPS_MAX_BODY_BYTES"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(command, variables, named):
    ended = run(command, **variables)

    assert ended.returncode == 1
    assert ended.stderr.startswith(named)
    assert ended.stderr.count("\n") == 1


def test_production_refuses_open_mode_from_the_command_line_too():
    command = [sys.executable, "-m", "deployments.gateway", "--open"]

    ended = run(command, MLOPS_ENV="production")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Open mode must be off in production.\n"


def test_it_starts_without_django_and_keeps_no_secret(data_dir):
    port, secrets = free_port(), {"MLOPS_SECRET_KEY": "s", "DATABASE_URL": "d"}
    shared = {"MLOPS_DATA_DIR": str(data_dir), "MLOPS_SERVING_PORT": str(port)}
    with started(ENVIRONMENT | secrets | shared) as process:
        until(lambda: is_listening(port))

        kept = Path(f"/proc/{process.pid}/environ").read_bytes()
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        ticks = Path(f"/proc/{process.pid}/stat").read_text().split()[13:15]
    assert not any(name.encode() in kept for name in secrets)
    assert "_sqlite3" not in loaded  # Django would have asked for it
    assert sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") < 1.0


@contextlib.contextmanager
def started(environment):
    process = subprocess.Popen(MANAGE, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(120) == 0


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_no_module_of_the_gateway_is_djangos():
    code = (
        "import sys, deployments.gateway.__main__, "
        "deployments.serving.gateway.supervisor; "
        "sys.exit(any(name.partition('.')[0] == 'django' for name in sys.modules))"
    )

    assert run([sys.executable, "-c", code]).returncode == 0


def test_the_gateway_takes_the_bodies_that_the_settings_say(data_dir, slot):
    here = slot()
    gateway = GatewayProcess(data_dir, "--max-body-bytes", "2000")
    try:
        assert gateway.post(here.infer, b"x" * 2000)[0] == 200
        assert gateway.post(here.infer, b"x" * 2001)[0] == 413
    finally:
        gateway.close()


def test_workers_are_back_at_once(gateway):
    killed = min(workers(gateway))
    start = time.monotonic()

    os.kill(killed, signal.SIGKILL)
    until(lambda: len(workers(gateway) - {killed}) == 2)

    assert time.monotonic() - start < 30  # half a second on a machine with nothing else
