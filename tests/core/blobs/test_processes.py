"""Writers in processes of their own: killed in the middle, or all at once."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pytest

from mlops.core.blobs import FolderStore
from mlops.core.blobs.blocks import BLOCK_BYTES
from tests.core.blobs.content import ROOM, bytes_of, keys, put, read
from tests.core.blobs.makers import MAKERS, remains

BEGIN = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tests.core.blobs.content import ROOM, bytes_of, put
from tests.core.blobs.makers import MAKERS

store = MAKERS[sys.argv[1]](Path(sys.argv[2]), SimpleNamespace(setattr=setattr))
"""
WRITE_HALF = """
writing = store.writing("a/b", max_bytes=ROOM)
writing.write(b"x" * int(sys.argv[3]))
print("written", flush=True)
sys.stdin.read()
"""
WRITE_ON = """
for number in range(100_000):
    put(store, f"a/{number}", bytes_of(int(sys.argv[3]) + number))
    print(number, flush=True)
"""
WRITE_AT_ONCE = """
content = bytes_of(int(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
try:
    put(store, content=content)
except FileExistsError:
    print("lost")
else:
    print("won")
"""


@pytest.fixture(params=MAKERS)
def maker(request):
    return request.param


@pytest.fixture
def make_store_of(monkeypatch):
    return lambda maker, path: MAKERS[maker](path, monkeypatch)


@contextmanager
def writer(what, *arguments):
    command = [sys.executable, "-c", BEGIN + what, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("size", [10, 5 * BLOCK_BYTES])
def test_a_writer_that_is_killed_leaves_nothing(maker, make_store_of, tmp_path, size):
    with writer(WRITE_HALF, maker, tmp_path, size) as process:
        assert process.stdout.readline() == "written\n"
        process.kill()
    store = make_store_of(maker, tmp_path)

    seen = keys(store)
    store.sweep(older_than_s=-1)

    assert seen == []
    assert remains(store) == []
    assert put(store).size_bytes == 7


@pytest.mark.parametrize("size", [1000, BLOCK_BYTES])
def test_what_was_written_before_a_kill_is_there_and_all_of_it_is_whole(
    maker, make_store_of, tmp_path, size
):
    with writer(WRITE_ON, maker, tmp_path, size) as process:
        said = [process.stdout.readline() for _ in range(5)]
        process.kill()
        said += process.stdout.readlines()
    store = make_store_of(maker, tmp_path)

    numbers = [int(key.removeprefix("a/")) for key in keys(store)]

    assert len(numbers) - len(said) in {0, 1}
    for number in numbers:
        assert read(store, f"a/{number}") == bytes_of(size + number)


def test_of_processes_that_write_one_name_one_wins(maker, make_store_of, tmp_path):
    sizes = [2 * BLOCK_BYTES + number for number in range(3)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(writer(WRITE_AT_ONCE, maker, tmp_path, size))
            for size in sizes
        ]
        assert {one.stdout.readline() for one in writers} == {"ready\n"}
        outcomes = [one.communicate("go\n", timeout=120)[0] for one in writers]
    store = make_store_of(maker, tmp_path)

    winner = sizes[outcomes.index("won\n")]

    assert sorted(outcomes) == ["lost\n", "lost\n", "won\n"]
    assert read(store, "a/b") == bytes_of(winner)
    assert remains(store) == ["a/b"]


def test_the_sweep_leaves_what_is_being_written(tmp_path, monkeypatch):
    monkeypatch.setattr("mlops.core.blobs.drafts._TMPFILE", 0)
    store = FolderStore(tmp_path)
    writing = store.writing("a/b", max_bytes=ROOM)
    writing.write(b"x" * (BLOCK_BYTES + 1))
    (part,) = (tmp_path / "a" / ".parts").iterdir()
    old = tmp_path / "a" / ".parts" / "old"
    old.write_bytes(b"x")
    os.utime(old, (time.time() - 7200, time.time() - 7200))

    removed = store.sweep(older_than_s=3600)

    assert (removed, old.exists(), part.exists()) == (1, False, True)
    writing.complete()
    assert keys(store) == ["a/b"]
