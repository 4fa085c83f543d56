"""Processes of the local target: confined, restarted, replaced, drained."""

import contextlib
import json
import os
import pwd
import signal
import socket
from collections import Counter
from pathlib import Path

import pytest

from deployments.serving import logs
from deployments.serving.processes import is_alive
from deployments.serving.supervisor.folders import Folders
from deployments.serving.terms import Phase
from deployments.targets.local import LocalTarget
from tests.deployments.targets import asking, models
from tests.deployments.targets.suite import is_gone, is_ready, serve
from tests.deployments.targets.waiting import until


def records(target, spec) -> list[dict]:
    found = []
    for path in target._folders.instances.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            found.append(json.loads(path.read_bytes()))
    return [each for each in found if each["deployment_id"] == spec.deployment_id]


def only_pid(target, spec) -> int:
    (record,) = records(target, spec)
    return record["pid"]


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.fixture
def serving(local, good):
    """Return a spec that serves, and stop it afterwards."""
    serve(local, good)
    yield good
    local.stop(good.deployment_id)
    until(lambda: is_gone(local, good))


def test_model_processes_know_nothing_of_the_project(local, serving, monkeypatch):
    environment = Path(f"/proc/{only_pid(local, serving)}/environ").read_text()

    assert "DATABASE_URL" not in environment
    assert "MLOPS_" not in environment
    assert "DJANGO" not in environment


def test_model_processes_have_few_rights(local, serving):
    status = status_of(only_pid(local, serving))

    assert status["NoNewPrivs"] == "1"
    if os.getuid() == 0:
        assert status["Uid"].split() == [str(pwd.getpwnam("nobody").pw_uid)] * 4
        assert int(status["CapEff"], 16) == 0


def test_model_processes_import_no_django(local, serving):
    maps = Path(f"/proc/{only_pid(local, serving)}/maps").read_text()

    assert "onnxruntime" in maps
    assert "psycopg" not in maps
    assert "sqlite" not in maps


@pytest.mark.skipif(os.getuid() != 0, reason="only root can take the network away")
def test_model_processes_have_no_network(local, serving):
    theirs = Path(f"/proc/{only_pid(local, serving)}/ns/net").readlink()

    assert theirs != Path("/proc/self/ns/net").readlink()


def test_a_killed_instance_is_replaced(local, serving):
    killed = only_pid(local, serving)

    os.kill(killed, signal.SIGKILL)

    until(lambda: local.observe(serving.deployment_id).restarts == 1)
    until(lambda: is_ready(local, serving))
    assert only_pid(local, serving) != killed


def test_a_kill_is_written_to_the_log(local, serving):
    os.kill(only_pid(local, serving), signal.SIGKILL)

    until(lambda: "killed by SIGKILL" in "".join(local.logs(serving.deployment_id, 9)))


def test_crashes_in_a_row_are_a_failure_that_says_why(local, made):
    code = "import os; os.kill(os.getpid(), 11)"
    spec = made(models.evil_bytes(code), allows_code=True)

    local.apply(spec)

    until(lambda: local.observe(spec.deployment_id).phase is Phase.FAILED)
    assert "SIGSEGV" in local.observe(spec.deployment_id).message
    assert local.observe(spec.deployment_id).restarts == 5
    local.stop(spec.deployment_id)
    until(lambda: is_gone(local, spec))


LEAKING = """type('Leaking', (), {
    'n_features_in_': 4,
    'kept': [],
    'predict': lambda self, rows: (self.kept.append(b'x' * (16 << 20)), rows[:, 0])[1],
})()"""


def ask(target, spec) -> int:
    """Ask the newest process for a row; return the answer's status, 0 if it is gone.

    One that was replaced since its name was read is not meant.
    """
    path = target._folders.backend(spec.deployment_id)
    body = json.dumps([[5.1, 3, 1, 0]]).encode()
    head = f"POST / HTTP/1.1\r\nHost: m\r\nContent-Length: {len(body)}\r\n\r\n"
    while True:
        name = json.loads(path.read_bytes())["sockets"][-1]
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(name)
            client.sendall(head.encode() + body)
            if answer := client.recv(1024):
                return int(answer.split()[1])
        if json.loads(path.read_bytes())["sockets"][-1:] == [name]:
            return 0


def test_a_model_that_leaks_is_replaced_before_it_is_stopped(local, made):
    spec = made(models.pickled(LEAKING), allows_code=True, memory_bytes=256 << 20)
    serve(local, spec)
    leaking = only_pid(local, spec)
    answers = Counter()

    def is_replaced():
        answers[ask(local, spec)] += 1
        return local.observe(spec.deployment_id).restarts

    until(is_replaced)

    assert answers.keys() <= {200, 507}
    assert answers[200] > 5
    assert "filled its 256 MiB of memory" in local.observe(spec.deployment_id).message
    until(lambda: leaking not in [each["pid"] for each in records(local, spec)])
    until(lambda: is_ready(local, spec))
    assert ask(local, spec) == 200
    local.stop(spec.deployment_id)
    until(lambda: is_gone(local, spec))


def test_a_file_changed_after_validation_is_not_served(local, made):
    spec = made()
    with spec.file.path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")

    local.apply(spec)

    until(lambda: local.observe(spec.deployment_id).phase is Phase.FAILED)
    assert "checksum" in local.observe(spec.deployment_id).message
    local.stop(spec.deployment_id)
    until(lambda: is_gone(local, spec))


def test_the_logs_are_the_servers_own_and_have_times(local, serving):
    lines = logs.tail_of(local._folders.log(serving.deployment_id), 10)

    assert any(line.text.endswith("INFO ready") for line in lines)
    assert all(line.at is not None for line in lines)


def takes_connections(name) -> bool:
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.connect(name)
        return True
    return False


class TestSuccession:
    """A supervisor that ends leaves its instances to the next."""

    @pytest.fixture
    def data_dir(self, tmp_path):
        return tmp_path / "data"

    @pytest.fixture
    def successor(self, data_dir):
        with LocalTarget(data_dir) as target:
            yield target

    @pytest.fixture
    def left(self, data_dir, good):
        """Return a spec and the process that a closed supervisor left."""
        first = LocalTarget(data_dir)
        serve(first, good)
        (record,) = records(first, good)
        first.close()
        return good, record

    def test_what_runs_outlives_its_supervisor(self, left, successor):
        spec, record = left

        assert is_alive(record["pid"], record["start_time"])
        assert successor.list() == [spec.deployment_id]

    def test_a_successor_replaces_and_drains(self, left, successor):
        spec, record = left

        serve(successor, spec)

        until(lambda: not is_alive(record["pid"], record["start_time"]))
        until(lambda: len(records(successor, spec)) == 1)
        assert only_pid(successor, spec) != record["pid"]
        assert successor.observe(spec.deployment_id).restarts == 0

    def test_there_is_a_socket_to_serve_from_at_every_moment(self, left, successor):
        spec, record = left
        path = successor._folders.backend(spec.deployment_id)

        serve(successor, spec)
        is_draining = True
        while is_draining:
            is_draining = is_alive(record["pid"], record["start_time"])
            names = json.loads(path.read_bytes())["sockets"]
            gone = [name for name in names if not takes_connections(name)]
            # What ended since the file was read has been taken from it before.
            assert not {*gone} & {*json.loads(path.read_bytes())["sockets"]}
            assert names

    def test_what_nobody_asks_for_is_stopped(self, left, successor):
        spec, record = left

        successor.stop(spec.deployment_id)

        until(lambda: is_gone(successor, spec))
        assert not is_alive(record["pid"], record["start_time"])

    def test_a_reused_pid_is_not_touched(self, left, successor):
        spec, record = left
        path = successor._folders.record(record["id"])
        os.kill(record["pid"], signal.SIGKILL)
        path.write_text(json.dumps({**record, "pid": os.getpid()}))

        successor.stop(spec.deployment_id)

        until(lambda: is_gone(successor, spec))
        assert not path.exists()

    def test_a_supervisor_that_was_replaced_lets_go(self, data_dir, good, successor):
        first = LocalTarget(data_dir)
        serve(first, good)

        serve(successor, good)

        until(lambda: not first._owns)
        first.close()
        assert is_ready(successor, good)


def test_a_killed_zygote_takes_nothing_along(tmp_path, made):
    with LocalTarget(tmp_path) as target:
        first, second = made(), made()
        serve(target, first)
        pid = only_pid(target, first)

        target._zygote._process.kill()

        serve(target, second)
        assert only_pid(target, first) == pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: target.observe(first.deployment_id).restarts == 1)
        until(lambda: is_ready(target, first))


def test_what_began_for_a_relieved_supervisor_is_found_and_can_be_stopped(
    tmp_path, good
):
    relieved = LocalTarget(tmp_path)
    serve(relieved, good)
    (path,) = relieved._folders.instances.glob("*.json")
    late = path.rename(path.with_suffix(".late"))  # not written yet

    with LocalTarget(tmp_path) as successor:
        successor.tick()
        assert successor.list() == []
        late.rename(path)
        until(lambda: successor.list() == [good.deployment_id])
        successor.stop(good.deployment_id)
        until(lambda: is_gone(successor, good))
    relieved.close()


def test_sockets_move_when_the_data_folder_is_too_deep(tmp_path, good):
    deep = tmp_path / ("d" * 100)

    with LocalTarget(deep) as target:
        serve(target, good)

        (record,) = records(target, good)
        assert len(record["socket"]) < 108
        folder = Path(record["socket"]).parent
        assert folder.stat().st_mode & 0o77 == 0
    assert not folder.exists()


def test_somebody_elses_socket_folder_is_not_used(tmp_path):
    deep = tmp_path / ("d" * 100)
    folder = Folders(deep).sockets
    folder.chmod(0o755)

    with pytest.raises(PermissionError):
        Folders(deep)
    folder.rmdir()


def test_a_model_of_data_is_shut_in_and_has_nothing_of_ours(local, good):
    serve(local, good)
    process = Path(f"/proc/{only_pid(local, good)}")

    status = status_of(process.name)
    environment = (process / "environ").read_text()
    begins_in = (process / "cwd").readlink()
    local.stop(good.deployment_id)
    until(lambda: is_gone(local, good))

    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "MLOPS_" not in environment
    assert "DJANGO" not in environment
    assert "DATABASE" not in environment
    assert begins_in.is_dir()
    assert list(begins_in.iterdir()) == []


@pytest.mark.parametrize("locale", ["en_US", "en_US.UTF-8"])
def test_text_models_need_no_locale_of_the_machine(local, made, locale):
    spec = made(models.lower_bytes(locale))
    serve(local, spec)
    tensor = {
        "name": "x",
        "shape": [3],
        "datatype": "BYTES",
        "data": ["ÄÖ", "Ωx", "ЖÉ"],
    }

    status, answer = asking.ask(
        local, spec, "/v2/models/iris/infer", {"inputs": [tensor]}
    )

    local.stop(spec.deployment_id)
    until(lambda: is_gone(local, spec))
    assert (status, answer["outputs"][0]["data"]) == (200, ["äö", "ωx", "жé"])
