"""Models that are code run in a fresh interpreter, apart from everything else."""

import contextlib
import json
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import venv
from pathlib import Path

import pytest

from deployments.serving.child import sandbox_dir
from deployments.serving.processes import is_alive, start_time
from deployments.serving.terms import CapacityError, TargetRefused
from deployments.targets.local import LocalTarget
from mlops.sandbox import isolation
from tests.deployments.targets import folders, models
from tests.deployments.targets.asking import ask
from tests.deployments.targets.suite import is_gone, is_ready, serve
from tests.deployments.targets.test_local import only_pid, records, status_of
from tests.deployments.targets.waiting import until
from tests.disk import SmallDisk

ONE = [{"a": 1, "b": 2}]
PICKLE = models.pickled(
    "type('Own', (), {'n_features_in_': 4, 'predict': lambda self, r: r[:, 0]})()"
)


@pytest.fixture
def file(tmp_path):
    return folders.stored(tmp_path)


@pytest.fixture(params=["folder", "pickle"])
def serving(request, local, tmp_path):
    """Return a spec of code that serves, and stop it afterwards."""
    is_folder = request.param == "folder"
    file = folders.stored(tmp_path) if is_folder else models.stored(tmp_path, PICKLE)
    spec = models.spec_of(file, allows_code=True)
    serve(local, spec)
    yield spec
    local.stop(spec.deployment_id)
    until(lambda: is_gone(local, spec))


@pytest.fixture
def model(local, tmp_path):
    """Serve a folder with a module's text; `model(text, memory_bytes=…)`."""
    begun = []

    def start(code, outputs=folders.ONE_NUMBER, **fields):
        file = folders.stored(tmp_path, code, outputs=outputs)
        begun.append(models.spec_of(file, allows_code=True, **fields))
        serve(local, begun[-1])
        return begun[-1]

    yield start
    for spec in begun:
        local.stop(spec.deployment_id)
        until(lambda spec=spec: is_gone(local, spec))


def refusal(target, spec) -> str:
    with pytest.raises(TargetRefused) as caught:
        until(lambda: target.validate(spec), limit_s=120)
    return str(caught.value)


def room_of(target, spec) -> Path:
    (record,) = records(target, spec)
    return target._folders.sandbox_dir(record["id"])


def test_nothing_of_the_forked_server_is_in_its_memory(local, serving):
    pid = only_pid(local, serving)

    command = Path(f"/proc/{pid}/cmdline").read_text()
    assert "fresh.py" in command
    assert "zygote" not in command
    assert "onnxruntime" not in Path(f"/proc/{pid}/maps").read_text()


def test_its_environment_has_nothing_of_the_project(local, serving):
    environment = Path(f"/proc/{only_pid(local, serving)}/environ").read_text()

    assert not {"DATABASE_URL", "DJANGO"} & set(environment.split("\0"))
    assert "MLOPS_" not in environment.replace("mlops-", "")


def test_it_has_its_socket_and_its_log_open_and_no_file_else(local, serving):
    """But for the clocks of its own threads."""
    process = Path(f"/proc/{only_pid(local, serving)}")
    clock = re.compile(rf"{process}/task/\d+/schedstat")

    found = {path.name: str(path.readlink()) for path in (process / "fd").iterdir()}
    opened = {key: name for key, name in found.items() if not clock.fullmatch(name)}

    log = str(local._folders.log(serving.deployment_id))
    files = [name for name in opened.values() if name.startswith("/")]
    assert sorted(files) == sorted(["/dev/null", log, log])
    kinds = {name.partition(":")[0] for name in opened.values()} - {*files}
    assert kinds <= {"socket", "anon_inode"}


def test_it_has_few_rights_and_a_user_of_its_own(local, serving):
    status = status_of(only_pid(local, serving))

    assert status["NoNewPrivs"] == "1"
    if os.getuid() == 0:
        (user,) = set(status["Uid"].split())
        assert int(user) > 1000
        assert int(status["CapEff"], 16) == 0
        assert room_of(local, serving).stat().st_uid == int(user)


TRIES = folders.predicting(
    """answers = []
        for attempt in attempts:
            try:
                attempt()
                answers.append("done")
            except OSError as error:
                answers.append(type(error).__name__)
        return answers""",
    """
import os, pathlib, socket, tempfile
attempts = [
    lambda: pathlib.Path(%r).read_text(),
    lambda: pathlib.Path(%r).write_text("x"),
    lambda: socket.create_connection(("127.0.0.1", %d), timeout=5),
    lambda: os.kill(%d, 0),
    lambda: pathlib.Path("/etc/passwd").read_text(),
    lambda: pathlib.Path(tempfile.gettempdir(), "mine").write_text("x"),
    lambda: pathlib.Path("here").write_text("x"),
]
""",
)


@pytest.fixture
def open_folder():
    """Return a folder that everybody may read and write, by its mode."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "secret").write_text("x")
        folder.chmod(0o777)
        yield folder


@pytest.mark.skipif(
    bool(isolation.missing()), reason="this kernel or container lacks a wall"
)
def test_it_is_shut_in(local, model, open_folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tried = (str(open_folder / "secret"), str(open_folder / "new"))
        spec = model(
            TRIES % (*tried, port, os.getpid()), outputs='[{"type": "string"}]'
        )

        _, found = ask(local, spec, "/", ONE)

    *outside, temporary, here = found["predictions"]
    assert outside == ["PermissionError"] * 5
    assert (temporary, here) == ("done", "done")


def test_its_memory_is_limited(local, serving):
    limits = Path(f"/proc/{only_pid(local, serving)}/limits").read_text()

    (space,) = [line for line in limits.splitlines() if "address space" in line]
    assert "unlimited" not in space


def test_killed_it_is_begun_again_in_a_new_room(local, serving):
    killed, room = only_pid(local, serving), room_of(local, serving)

    os.kill(killed, signal.SIGKILL)

    until(lambda: local.observe(serving.deployment_id).restarts == 1)
    until(lambda: is_ready(local, serving))
    assert only_pid(local, serving) != killed
    assert not room.exists()


BEGETS = folders.predicting(
    "return [float(child.pid) for _ in given['a']]",
    "import subprocess\nchild = subprocess.Popen(['sleep', '1000'])",
)


def test_what_a_model_has_begun_ends_with_it(local, model):
    spec = model(BEGETS)
    child = int(ask(local, spec, "/", ONE)[1]["predictions"][0])
    born = start_time(child)
    assert is_alive(child, born)

    os.kill(only_pid(local, spec), signal.SIGKILL)

    until(lambda: not is_alive(child, born))


def test_a_prediction_that_hangs_ends_the_process(local, model):
    hangs = "return time.sleep(600) if given['a'][0] == 7 else given['a']"
    spec = model(folders.predicting(hangs, "import time"), predict_limit_s=5.0)
    asking = threading.Thread(target=hung_up_on, args=(local, spec))

    asking.start()

    until(lambda: local.observe(spec.deployment_id).restarts >= 1)
    asking.join()
    assert "ended with exit status" in local.observe(spec.deployment_id).message


def hung_up_on(target, spec):
    with pytest.raises(OSError, match=r"\w"):
        ask(target, spec, "/", [{"a": 7, "b": 1}])


def test_too_large_an_answer_leaves_the_process_alive(local, model):
    code = folders.predicting("return bytearray(int(given['a'][0])) and given['a']")
    spec = model(code, memory_bytes=256 << 20)
    before = only_pid(local, spec)

    status, found = ask(local, spec, "/", [{"a": 1 << 30, "b": 1}])

    assert (status, "memory" in found["error"]) == (507, True)
    assert ask(local, spec, "/", ONE)[0] == 200
    assert only_pid(local, spec) == before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("x = bytearray(4 << 30)", "memory"),
        ("import sys; sys.exit(3)", "without a word"),
    ],
)
def test_dying_while_it_is_looked_into_is_a_refusal(local, tmp_path, code, said):
    spec = models.spec_of(folders.stored(tmp_path, code), allows_code=True)

    assert said in refusal(local, spec)


class TestInterpreter:
    """Which Python runs the code is said by the rule of the environment."""

    def test_one_that_is_not_there_is_named(self, local, file):
        spec = models.spec_of(file, allows_code=True, interpreter="/no/such/python")

        said = refusal(local, spec)

        assert "/no/such/python cannot be started: No such file" in said

    def test_one_without_numpy_is_named(self, local, file, tmp_path):
        venv.create(tmp_path / "bare", with_pip=False)
        python = tmp_path / "bare" / "bin" / "python"
        spec = models.spec_of(file, allows_code=True, interpreter=str(python))

        assert f"{python} has no numpy" in refusal(local, spec)

    def test_something_else_ends_without_a_word(self, local, file):
        spec = models.spec_of(file, allows_code=True, interpreter="/bin/true")

        assert "exit status 0 without a word" in refusal(local, spec)

    def test_another_one_runs_the_model(self, local, model, tmp_path):
        venv.create(tmp_path / "other", with_pip=False)
        python = tmp_path / "other" / "bin" / "python"
        lend_packages(python)

        spec = model(folders.SUM, interpreter=str(python))

        assert ask(local, spec, "/", ONE)[1]["predictions"] == [3.5]
        command = Path(f"/proc/{only_pid(local, spec)}/cmdline").read_text()
        assert command.startswith(str(python))


def lend_packages(python):
    """Let another environment find what this one has installed."""
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", script], capture_output=True, check=True)
    ours = Path(pytest.__file__).parents[1]
    (Path(done.stdout.decode().strip()) / "lent.pth").write_text(f"{ours}\n")


SUPERVISOR = """
import pickle, sys, time
from pathlib import Path
from deployments.targets.local import LocalTarget

target = LocalTarget(Path(sys.argv[1]))
target.apply(pickle.load(sys.stdin.buffer))
time.sleep(600)
"""


def kill_a_supervisor_of(spec, data_dir):
    """Let another process serve the spec, and kill it."""
    command = [sys.executable, "-c", SUPERVISOR, str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as supervisor:
        supervisor.stdin.write(pickle.dumps(spec))
        supervisor.stdin.close()
        try:
            until(lambda: list((data_dir / "run" / "backends").glob("*.json")))
        finally:
            supervisor.kill()


class TestSuccession:
    """A supervisor that ends leaves its instances to the next; a kill is the same."""

    def test_a_successor_replaces_and_clears_what_was_left(self, tmp_path, file):
        spec = models.spec_of(file, allows_code=True)
        first = LocalTarget(tmp_path / "data")
        serve(first, spec)
        (record,) = records(first, spec)
        room = room_of(first, spec)
        first.close()
        assert is_alive(record["pid"], record["start_time"])

        with LocalTarget(tmp_path / "data") as successor:
            serve(successor, spec)
            until(lambda: not is_alive(record["pid"], record["start_time"]))
            until(lambda: not room.exists())
            assert successor.observe(spec.deployment_id).restarts == 0
        until(lambda: not room.parent.exists())

    def test_what_a_killed_supervisor_left_is_found_and_replaced(self, tmp_path, file):
        spec = models.spec_of(file, allows_code=True)
        kill_a_supervisor_of(spec, tmp_path / "data")

        with LocalTarget(tmp_path / "data") as successor:
            (record,) = records(successor, spec)
            assert is_alive(record["pid"], record["start_time"])
            assert successor.list() == [spec.deployment_id]
            serve(successor, spec)
            until(lambda: not is_alive(record["pid"], record["start_time"]))
            until(lambda: not successor._folders.sandbox_dir(record["id"]).exists())

    def test_a_room_that_nobody_lives_in_is_cleared(self, tmp_path, file):
        with LocalTarget(tmp_path / "data") as target:
            lost = target._folders.sandbox_dir("lost")
            lost.mkdir(parents=True)
            (lost / "file").touch()

            target.tick()

            until(lambda: target.tick() or not lost.exists())


def test_a_process_that_only_looks_ends_with_the_zygote(tmp_path, file):
    hanging = folders.stored(tmp_path, "import time; time.sleep(600)")
    with LocalTarget(tmp_path / "data") as target:
        spec = models.spec_of(hanging, allows_code=True)
        target.validate(spec)
        (record,) = until(lambda: confined(target, spec))

        target._zygote._process.kill()

        until(lambda: not is_alive(record["pid"], record["start_time"]))


def confined(target, spec):
    """Return the record of a process that has given its rights away."""
    found = records(target, spec)
    return [one for one in found if status_of(one["pid"])["NoNewPrivs"] == "1"]


class TestFullDisk:
    """No room for the files is trouble that passes, not the model's fault."""

    @pytest.fixture
    def disk(self, monkeypatch, tmp_path):  # which pytest makes elsewhere, before
        made = SmallDisk()
        made.path.chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", str(made.path))
        yield made
        made.close()

    @pytest.fixture
    def target(self, disk, tmp_path):
        with LocalTarget(tmp_path / "data") as made:
            yield made

    def test_it_is_looked_into_when_there_is_room(self, target, disk, file):
        spec = models.spec_of(file, allows_code=True)
        disk.fill()
        with pytest.raises(CapacityError, match=r"No space left"):
            until(lambda: target.validate(spec))

        disk.free()

        assert until(lambda: target.validate(spec)).platform == "mlflow_pyfunc"

    def test_it_serves_when_there_is_room(self, target, disk, file):
        spec = models.spec_of(file, allows_code=True)
        disk.fill()
        target.apply(spec)
        until(lambda: "No space left" in target.observe(spec.deployment_id).message)

        disk.free()

        until(lambda: is_ready(target, spec))
        assert target.observe(spec.deployment_id).restarts == 0


def test_another_folder_where_the_rooms_should_be_is_not_used(tmp_path, file):
    with LocalTarget(tmp_path / "data") as target:
        rooms = target._folders.sandbox_dir("any").parent
        rooms.mkdir()
        rooms.chmod(0o777)

        said = refusal(target, models.spec_of(file, allows_code=True))

        assert "belongs to somebody else" in said
        until(lambda: not rooms.exists())


def test_the_log_says_what_the_code_printed(local, model):
    spec = model(folders.SUM + "\nprint('hello from the model')")

    assert "hello from the model" in "".join(local.logs(spec.deployment_id, 50))
    assert json.dumps(ONE) not in "".join(local.logs(spec.deployment_id, 50))


def test_rooms_are_made_while_the_folder_around_them_is_removed(tmp_path):
    rooms, is_done = tmp_path / "rooms", threading.Event()

    def remove() -> None:
        while not is_done.wait(0.0001):
            with contextlib.suppress(OSError):
                rooms.rmdir()

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for number in range(2_000):
            sandbox_dir.make(rooms / str(number), [])
            shutil.rmtree(rooms / str(number))
    finally:
        is_done.set()
        remover.join()
