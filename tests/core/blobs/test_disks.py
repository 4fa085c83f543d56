"""A folder on a disk that is full, or write-protected."""

import pytest

from mlops.core.blobs.blocks import BLOCK_BYTES
from tests.core.blobs.content import ROOM, bytes_of, keys, put, read
from tests.core.blobs.makers import FOLDERS, remains
from tests.disk import SmallDisk

LARGE = 3 * BLOCK_BYTES + 5000


@pytest.fixture(params=FOLDERS.values(), ids=FOLDERS.keys())
def make_folder(request, monkeypatch):
    return lambda path: request.param(path, monkeypatch)


@pytest.fixture
def disk():
    made = SmallDisk()
    yield made
    made.close()


@pytest.mark.parametrize("size", [10, LARGE])
def test_on_a_full_disk_nothing_is_left_and_what_was_there_stays(
    make_folder, disk, size
):
    store = make_folder(disk.path)
    put(store, "a/old", b"kept")
    disk.fill()

    with pytest.raises(OSError, match="No space left"):
        put(store, content=b"x" * size)
    left = keys(store)
    disk.free()

    assert left == ["a/old"]
    assert remains(store) == ["a/old"]
    assert read(store, "a/old") == b"kept"
    put(store, content=b"x" * size)


def test_a_full_disk_takes_no_copy_of_a_file_and_loses_none(make_folder, disk):
    store = make_folder(disk.path)
    finished = disk.path / "finished"
    finished.write_bytes(b"newer")
    put(store, content=b"older")
    disk.fill()

    store.adopt("a/b", finished)
    disk.free()

    assert read(store, "a/b") == b"newer"


def test_streams_after_a_full_disk_do_not_mix(make_folder, disk, tmp_path):
    full, other = make_folder(disk.path), make_folder(tmp_path)
    disk.leave(pages=0)
    for number in range(4):
        with pytest.raises(OSError, match="No space left"):
            put(full, f"a/{number}", b"x" * 9 * BLOCK_BYTES)
    contents = {f"a/{name}": bytes_of(2 * BLOCK_BYTES + name) for name in range(12)}
    writings = {key: other.writing(key, max_bytes=ROOM) for key in contents}

    for start in range(0, 3 * BLOCK_BYTES, 300_000):
        for key, writing in writings.items():
            writing.write(contents[key][start : start + 300_000])
    for writing in writings.values():
        writing.complete()

    assert {key: read(other, key) for key in contents} == contents


def test_a_write_protected_folder_is_read_and_takes_nothing(make_folder, disk):
    store = make_folder(disk.path)
    put(store, "a/old", b"kept")
    disk.protect()

    with pytest.raises(OSError, match="Read-only"):
        put(store)
    with pytest.raises(OSError, match="Read-only"):
        store.delete("a/old")
    seen = read(store, "a/old")
    disk.release()

    assert seen == b"kept"
    assert keys(store) == ["a/old"]
