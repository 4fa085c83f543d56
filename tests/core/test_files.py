"""What is received is whole, or not there."""

import hashlib
import random

import pytest

from mlops.core.errors import TooLarge
from mlops.core.files import BLOCK_BYTES, Incoming, receive
from tests.disk import SmallDisk

ROOM = 1 << 30


def bytes_of(size):
    return random.Random(size).randbytes(size)  # noqa: S311 - the same bytes again


def pieces(content, size):
    return (content[at : at + size] for at in range(0, len(content), size))


@pytest.mark.parametrize(
    "size",
    [
        *(0, 1, 4095, 4096, 4097),
        *(BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1),
        *(3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 5000),
    ],
)
@pytest.mark.parametrize("piece", [65_537, BLOCK_BYTES, 5 * BLOCK_BYTES])
def test_a_file_of_any_size_in_pieces_of_any_size_is_as_sent(tmp_path, size, piece):
    content = bytes_of(size)

    received = receive(pieces(content, piece), tmp_path / "new", max_bytes=ROOM)

    assert received.path.read_bytes() == content
    assert received.size_bytes == size
    assert received.sha256 == hashlib.sha256(content).hexdigest()


def receive_at_once(folder):
    """Return what was sent and what was received, of files whose pieces take turns."""
    contents = {name: bytes_of(2 * BLOCK_BYTES + name) for name in range(12)}
    files = {name: Incoming(folder / str(name), max_bytes=ROOM) for name in contents}

    for start in range(0, 3 * BLOCK_BYTES, 300_000):
        for name, file in files.items():
            file.write(contents[name][start : start + 300_000])
    for file in files.values():
        file.complete()

    return contents, {name: files[name].path.read_bytes() for name in files}


def test_files_received_at_once_do_not_mix(tmp_path):
    sent, received = receive_at_once(tmp_path)

    assert received == sent


def test_after_a_full_disk_files_received_at_once_do_not_mix_either(tmp_path):
    disk = SmallDisk()
    disk.leave(pages=0)
    for number in range(4):
        with pytest.raises(OSError, match="No space left"):
            receive([b"x" * 9 * BLOCK_BYTES], disk.path / str(number), max_bytes=ROOM)
    disk.close()

    sent, received = receive_at_once(tmp_path)

    assert received == sent


def test_without_syncing_a_file_is_as_sent_too(tmp_path, settings):
    settings.ARTIFACT_SYNC = False
    content = bytes_of(2 * BLOCK_BYTES + 1)

    received = receive([content], tmp_path / "new", max_bytes=ROOM)

    assert received.path.read_bytes() == content


@pytest.mark.parametrize("size", [10, 3 * BLOCK_BYTES])
def test_too_large_a_file_is_not_there(tmp_path, size):
    with pytest.raises(TooLarge):
        receive([b"x" * size], tmp_path / "new", max_bytes=size - 1)

    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_sender_gives_up_is_not_there(tmp_path):
    def sender():
        yield b"x" * (2 * BLOCK_BYTES)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive(sender(), tmp_path / "new", max_bytes=ROOM)

    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "old").write_bytes(b"kept")

    with pytest.raises(FileExistsError):
        receive([b"new"], tmp_path / "old", max_bytes=ROOM)

    assert (tmp_path / "old").read_bytes() == b"kept"


def test_a_closed_file_stays_when_it_is_complete(tmp_path):
    file = Incoming(tmp_path / "new", max_bytes=ROOM)
    file.write(b"all")
    file.complete()

    file.close()

    assert file.path.read_bytes() == b"all"
