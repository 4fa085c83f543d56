"""What every byte store does: whole or not there, and never outside its root."""

import hashlib
import os
import threading
import time

import pytest

from mlops.core.blobs import BadKey, WrongDigest
from mlops.core.blobs.blocks import BLOCK_BYTES, CACHED_BYTES
from mlops.core.errors import TooLarge
from tests.core.blobs.content import ROOM, bytes_of, keys, put, read
from tests.core.blobs.makers import remains

LARGE = 3 * BLOCK_BYTES + 5000


def pieces(content, size):
    return (content[at : at + size] for at in range(0, len(content), size))


# Whole --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size",
    [
        *(0, 1, CACHED_BYTES, CACHED_BYTES + 1, BLOCK_BYTES - 1, BLOCK_BYTES),
        *(BLOCK_BYTES + 1, 2 * BLOCK_BYTES, LARGE),
    ],
)
@pytest.mark.parametrize("piece", [65_537, 5 * BLOCK_BYTES])
def test_bytes_of_any_size_in_pieces_of_any_size_are_as_sent(store, size, piece):
    content = bytes_of(size)

    received = store.put("a/b", pieces(content, piece), max_bytes=ROOM)

    assert (received.key, received.size_bytes) == ("a/b", size)
    assert received.sha256 == hashlib.sha256(content).hexdigest()
    assert read(store, "a/b") == content
    assert store.local("a/b").read_bytes() == content
    assert store.stat("a/b").size_bytes == size


@pytest.mark.parametrize("size", [10, LARGE])
def test_what_is_being_written_is_not_there_before_it_is_complete(store, size):
    writing = store.writing("a/b", max_bytes=ROOM)
    writing.write(b"x" * size)
    seen = keys(store)

    writing.complete()
    writing.close()

    assert seen == []
    assert keys(store) == ["a/b"]


@pytest.mark.parametrize("size", [10, LARGE])
def test_too_much_is_not_there(store, size):
    with pytest.raises(TooLarge):
        store.put("a/b", [b"x" * size], max_bytes=size - 1)

    assert remains(store) == []


@pytest.mark.parametrize("size", [10, LARGE])
def test_what_its_sender_gives_up_is_not_there(store, size):
    def sender():
        yield b"x" * size
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put("a/b", sender(), max_bytes=ROOM)

    assert remains(store) == []


@pytest.mark.parametrize("size", [10, LARGE])
def test_another_digest_than_was_announced_is_refused(store, size):
    content = bytes_of(size)
    right = hashlib.sha256(content).hexdigest()

    with pytest.raises(WrongDigest):
        put(store, content=content, sha256="0" * 64)
    left = remains(store)
    put(store, content=content, sha256=right)

    assert left == []
    assert read(store, "a/b") == content


def test_streams_received_at_once_do_not_mix(store):
    contents = {f"a/{name}": bytes_of(2 * BLOCK_BYTES + name) for name in range(12)}
    writings = {key: store.writing(key, max_bytes=ROOM) for key in contents}

    for start in range(0, 3 * BLOCK_BYTES, 300_000):
        for key, writing in writings.items():
            writing.write(contents[key][start : start + 300_000])
    for writing in writings.values():
        writing.complete()

    assert {key: read(store, key) for key in contents} == contents


# Names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/a", "a/", "a//b", "../a", "a/../b", "..", ".", "./a", "a/."),
        *(".parts/a", "a/.doomed", "a\\b", "a\0b", "a\nb", "ä", "a b", "x" * 513),
    ],
)
def test_a_name_that_could_leave_the_root_is_no_key(store, key):
    put(store, "a/b")

    for use in (
        lambda: put(store, key),
        lambda: store.open(key),
        lambda: store.stat(key),
        lambda: store.local(key),
        lambda: store.delete(key),
        lambda: store.copy("a/b", key),
        lambda: list(store.listing(f"{key}/")),
        lambda: store.delete_below(f"{key}/"),
    ):
        with pytest.raises(BadKey):
            use()


def test_a_prefix_ends_with_a_slash(store):
    put(store, "ab/c")

    with pytest.raises(BadKey):
        list(store.listing("a"))
    with pytest.raises(BadKey):
        store.delete_below("a")

    assert read(store, "ab/c") == b"content"


def test_of_writers_of_one_name_the_first_to_complete_wins(store):
    contents = [bytes_of(LARGE + number) for number in range(4)]
    barrier, won, lost = threading.Barrier(4), [], []

    def write(content):
        barrier.wait(timeout=120)
        try:
            won.append(put(store, content=content).sha256)
        except FileExistsError:
            lost.append(content)

    threads = [threading.Thread(target=write, args=(one,)) for one in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert (len(won), len(lost)) == (1, 3)
    assert hashlib.sha256(read(store, "a/b")).hexdigest() == won[0]
    assert remains(store) == ["a/b"]


def test_nothing_is_written_over(store):
    put(store, content=b"kept")
    put(store, "a/c", b"other")

    with pytest.raises(FileExistsError):
        put(store, content=b"new")
    with pytest.raises(FileExistsError):
        store.copy("a/c", "a/b")

    assert read(store, "a/b") == b"kept"


# Reading ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ((), b"0123456789"),
        ((3,), b"3456789"),
        ((0, 4), b"0123"),
        ((3, 4), b"3456"),
        ((8, 4), b"89"),
        ((3, 0), b""),
        ((10, 5), b""),
    ],
)
def test_a_part_is_read_by_where_it_begins_and_how_long_it_is(store, window, expected):
    put(store, content=b"0123456789")

    assert read(store, "a/b", *window) == expected


def test_a_long_part_is_read_piece_by_piece(store):
    content = bytes_of(LARGE)
    put(store, content=content)

    with store.open("a/b", 1000, BLOCK_BYTES) as file:
        found = b"".join(iter(lambda: file.read(100_000), b""))

    assert found == content[1000 : 1000 + BLOCK_BYTES]


def test_what_is_not_there_is_missing(store):
    put(store, "a/b/c")

    for key in ("a/x", "a/b", "a/b/c/d"):
        for use in (store.open, store.stat, lambda key: store.copy(key, "a/y")):
            with pytest.raises(FileNotFoundError):
                use(key)
    with pytest.raises(FileNotFoundError):
        store.local("a/x").read_bytes()
    assert list(store.listing("nothing/")) == []


def test_blobs_are_listed_by_their_keys(store):
    names = ["a/b", "a/b-c/d", "a/bc/d", "a/bc/e", "a/z", "ab/c"]
    for name in reversed(names):
        put(store, name)

    assert keys(store) == sorted(names[:-1])
    assert keys(store, "a/bc/") == ["a/bc/d", "a/bc/e"]
    assert [blob.size_bytes for blob in store.listing("ab/")] == [7]


def test_a_reader_reads_on_when_the_blob_is_deleted(store):
    content = bytes_of(LARGE)
    put(store, content=content)

    with store.open("a/b") as file:
        begun = file.read(10)
        store.delete("a/b")
        assert begun + file.read() == content


def test_a_link_where_there_is_one_is_an_address(store):
    put(store)

    address = store.link("a/b", name="b.txt", lifetime_s=60)

    assert address is None or address.startswith(("http://", "https://"))


# Deleting, copying, adopting ----------------------------------------------------------


def test_what_is_deleted_is_gone_and_may_be_deleted_again(store):
    put(store)
    put(store, "a/c")

    store.delete("a/b")
    store.delete("a/b")
    store.delete("nothing/there")

    assert keys(store) == ["a/c"]


def test_all_below_a_prefix_goes_and_nothing_beside_it(store):
    for key in ("a/b/c", "a/b/d/e", "a/bc", "a/b-c/d"):
        put(store, key)

    store.delete_below("a/b/")
    store.delete_below("a/b/")

    assert keys(store) == ["a/b-c/d", "a/bc"]
    put(store, "a/b/c", b"again")
    assert read(store, "a/b/c") == b"again"


def test_a_copy_stays_when_the_first_is_deleted(store):
    put(store)

    store.copy("a/b", "c/d")
    store.delete("a/b")

    assert read(store, "c/d") == b"content"


def test_a_copy_is_new_for_the_sweeps_whatever_it_was_copied_from(store):
    put(store)
    os.utime(store.local("a/b"), (1, 1))

    store.copy("a/b", "c/d")

    assert time.time() - 3600 < store.stat("c/d").modified_s


def test_an_adopted_file_replaces_what_was_there(store, tmp_path):
    put(store)
    finished = tmp_path / "store" / "finished"
    finished.write_bytes(b"newer")

    store.adopt("a/b", finished)

    assert not finished.exists()
    assert read(store, "a/b") == b"newer"


def test_a_file_that_is_gone_is_not_adopted(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.adopt("a/b", tmp_path / "gone")

    assert remains(store) == []


def a_folder(tmp_path, content):
    folder = tmp_path / "store" / "work"
    folder.mkdir(parents=True)
    for name in ("head", "whole"):
        (folder / name).write_bytes(content)
    return folder


def test_an_adopted_folder_is_there_at_once_and_stays_as_it_came_first(store, tmp_path):
    store.adopt_folder("c/d/", a_folder(tmp_path, b"first"), last="whole")
    again = a_folder(tmp_path, b"again")

    store.adopt_folder("c/d/", again, last="whole")

    assert not again.exists()
    assert keys(store, "c/") == ["c/d/head", "c/d/whole"]
    assert read(store, "c/d/whole") == b"first"
