"""The walls around a model process hold against what it does, whoever it runs as."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.core.checks import run_checks

from mlops.sandbox import isolation, landlock, rlimits, seccomp, syscalls
from tests.deployments.targets import bare_script, hostile, isolated_script

SECRET = b"a secret of the machine\n"
USERS = [0, 12345] if os.getuid() == 0 else [0]
"""Who tries: the user of the tests, and as root an ordinary one besides."""
NO = {"EACCES", "EPERM"}

pytestmark = pytest.mark.skipif(
    bool(isolation.missing()), reason="this kernel or container lacks a wall"
)


@pytest.fixture
def open_folder():
    """Return a folder that everybody may read and write, by its mode."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("empty", "room", "theirs"):
            (folder / each).mkdir()
            (folder / each).chmod(0o777)
        secret = folder / "theirs" / "secret"
        secret.write_bytes(SECRET)
        secret.chmod(0o666)
        folder.chmod(0o777)
        yield folder


def tried_as():
    """Return the user that a process of this one's user becomes."""
    return rlimits.nobody()[0] if os.getuid() == 0 else os.getuid()


def run(folder, *, user=0, room=False, is_walled=True, **told):
    """Run the script as a model process; return what it found."""
    told |= {
        "user": user,
        "folder": str(folder / "empty"),
        "room": str(folder / "room") if room else None,
        "is_walled": is_walled,
    }
    done = subprocess.run(
        [sys.executable, "-m", isolated_script.__name__],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("room", [False, True], ids=["data", "code"])
@pytest.mark.parametrize("user", USERS)
def test_no_socket_of_any_family_can_be_opened(open_folder, user, room):
    path = str(open_folder / "theirs" / "socket")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(path)
        unix.listen()
        Path(path).chmod(0o777)

        found = run(
            open_folder,
            user=user,
            room=room,
            tries="sockets",
            port=server.getsockname()[1],
            listening=path,
        )

    assert {name: came for name, came in found["tries"].items() if came not in NO} == {}


@pytest.mark.parametrize("room", [False, True], ids=["data", "code"])
@pytest.mark.parametrize("user", USERS)
def test_no_other_process_can_be_reached(open_folder, user, room):
    found = run(open_folder, user=user, room=room, tries="others", parent=os.getpid())

    assert {name: came for name, came in found["tries"].items() if came not in NO} == {}


@pytest.mark.parametrize("room", [False, True], ids=["data", "code"])
@pytest.mark.parametrize("user", USERS)
def test_no_file_but_libraries_can_be_used(open_folder, user, room, settings):
    secret = open_folder / "theirs" / "secret"

    found = run(
        open_folder,
        user=user,
        room=room,
        tries="files",
        secret=str(secret),
        data_dir=str(settings.DATA_DIR),
    )

    assert {name: came for name, came in found["tries"].items() if came not in NO} == {}
    assert secret.read_bytes() == SECRET


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("room", [False, True], ids=["data", "code"])
def test_no_file_of_its_user_changes_owner_or_mode(open_folder, user, room):
    own = open_folder / "room" / "file"
    own.write_bytes(b"x")
    own.chmod(0o640)
    os.chown(own, user or tried_as(), -1)
    before = own.stat()

    found = run(open_folder, user=user, room=room, tries="modes", own=str(own))

    after = own.stat()
    assert (after.st_mode, after.st_mtime, after.st_uid) == (
        before.st_mode,
        before.st_mtime,
        before.st_uid,
    )
    assert os.listxattr(own) == []
    if room:  # a program is told that it was done: its folder is seen by nobody else
        assert set(found["tries"].values()) == {"done"}
    else:
        assert set(found["tries"].values()) <= NO


@pytest.mark.parametrize("room", [False, True], ids=["data", "code"])
@pytest.mark.parametrize("user", USERS)
def test_what_a_model_needs_is_left_to_it(open_folder, user, room):
    found = run(open_folder, user=user, room=room, tries="fine")

    assert set(found["tries"].values()) == {"done"}, found["tries"]


@pytest.mark.parametrize("user", USERS)
def test_a_model_that_is_code_works_in_its_room(open_folder, user):
    found = run(open_folder, user=user, room=True, tries="of_code")

    assert set(found["tries"].values()) == {"done"}, found["tries"]


@pytest.mark.parametrize("user", USERS)
def test_a_model_of_data_begins_nothing(open_folder, user):
    found = run(open_folder, user=user, tries="programs")

    assert set(found["tries"].values()) <= NO


class TestHostileModels:
    """With the refusal of such files switched off, the walls still give nothing."""

    @pytest.fixture
    def locations(self, open_folder):
        path = str(open_folder / "theirs" / "secret")
        return [path.lstrip("/"), path, f"../../../../../..{path}"]

    def test_without_walls_they_read_the_file(self, open_folder, locations):
        files = carriers(locations[:1])

        found = run(open_folder, files=list(files.values()), is_walled=False)

        read = {
            name
            for name, answer in zip(files, found["answers"], strict=True)
            if answer == SECRET.decode()
        }
        assert {name for _, name in read} >= {
            "initializer",
            "function",
            "function default",
            "sparse constant",
        }

    @pytest.mark.parametrize("user", USERS)
    @pytest.mark.parametrize("room", [False, True], ids=["data", "code"])
    def test_within_walls_they_read_nothing(self, open_folder, locations, user, room):
        files = [*carriers(locations).values(), *placed(locations[0])]

        found = run(open_folder, files=files, user=user, room=room)

        assert len(found["answers"]) == len(files)
        assert SECRET.decode() not in json.dumps(found)

    @pytest.fixture
    def beside(self, open_folder):
        """Return names in the folder of a model that lead to the secret."""
        secret, folder = open_folder / "theirs" / "secret", open_folder / "empty"
        (folder / "symbolic").symlink_to(secret)
        (folder / "relative").symlink_to("../theirs/secret")
        (folder / "deep").symlink_to(open_folder / "theirs")
        (folder / "hard").hardlink_to(secret)
        return ["symbolic", "relative", "deep/secret", "hard", "../theirs/secret"]

    def test_without_walls_a_hard_link_is_read(self, open_folder, beside):
        files = carriers(["hard"])

        found = run(
            open_folder,
            files=list(files.values()),
            is_walled=False,
            begins_in=str(open_folder / "empty"),
        )

        assert SECRET.decode() in found["answers"]

    @pytest.mark.parametrize("user", USERS)
    def test_within_walls_no_link_in_the_models_folder_is(
        self, open_folder, beside, user
    ):
        odd = ["hard\0", "HARD", "./hard", "*/_ORT_MEM_ADDR_/*", "/proc/self/fd/0"]
        files = carriers(beside + odd)

        found = run(
            open_folder,
            files=list(files.values()),
            user=user,
            begins_in=str(open_folder / "empty"),
        )

        assert len(found["answers"]) == len(files)
        assert SECRET.decode() not in json.dumps(found)


def carriers(locations):
    return {
        (location, name): content.hex()
        for location in locations
        for name, content in hostile.carriers(location, len(SECRET)).items()
    }


def placed(location):
    """Return a file for each place where a tensor can stand, whether it runs or not."""
    for place in hostile.places():
        model, tensor = hostile.model_with(place)
        hostile.make_external(tensor, location, len(SECRET))
        yield model.SerializeToString().hex()


def test_the_calls_of_another_architecture_end_the_process(open_folder):
    if os.uname().machine != "x86_64":
        pytest.skip("only x86_64 has a second set of calls with the same code")

    found = run(open_folder, tries="foreign")

    assert found["tries"] == {"x32": "ENOSYS"}


@pytest.mark.parametrize("machine", syscalls.ARCHITECTURES)
def test_the_filter_fits_the_kernel_on_every_architecture(machine):
    for room in (False, True):
        rights = seccomp.Rights(runs_programs=room, scoped=True)

        code = seccomp.assembled(rights, *syscalls.ARCHITECTURES[machine])

        assert len(code) % 8 == 0
        assert code.count(seccomp.OWN) == (1 if room else 5)
        assert len(code) // 8 <= 4096  # BPF_MAXINSNS


def test_numbers_are_those_of_the_kernels_headers():
    header = Path("/usr/include/asm-generic/unistd.h")
    if not header.exists():
        pytest.skip("the kernel's headers are not here")
    lines = [line.split() for line in header.read_text().splitlines()]
    known = {
        name.removeprefix("__NR_").removeprefix("__NR3264_"): int(number)
        for kind, name, number in (each for each in lines if len(each) == 3)
        if kind == "#define" and number.isdigit()
    }

    ours = {name: numbers[1] for name, numbers in syscalls.ALL.items() if numbers[1]}

    assert len(ours.keys() & known.keys()) > 60
    assert {name: known[name] for name in ours.keys() & known.keys()} == {
        name: number for name, number in ours.items() if name in known
    }


PRCTL = {"x86_64": 157, "aarch64": 167}


@pytest.mark.parametrize(
    ("forbidden", "named"),
    [
        ((), []),
        ((landlock.CREATE_RULESET,), [isolation.NO_LANDLOCK]),
        (
            (seccomp.SECCOMP[os.uname().machine], PRCTL[os.uname().machine]),
            [isolation.NO_FILTER],
        ),
    ],
)
def test_a_wall_that_a_container_forbids_is_named(forbidden, named):
    done = subprocess.run(
        [sys.executable, "-m", bare_script.__name__, *map(str, forbidden)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == (named or [""])


def test_this_machine_has_all_walls_and_the_check_is_silent():
    assert isolation.missing() == ()
    assert "mlops.W010" not in {message.id for message in run_checks()}
