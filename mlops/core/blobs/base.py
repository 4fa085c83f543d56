"""What a byte store does, whichever it is, and the words that it speaks in."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from mlops.core.errors import DomainError

CHUNK_BYTES: Final = 256 << 10
"""How much is read at a time: it is copied and hashed while the CPU's cache has it."""
MAX_KEY_LENGTH: Final = 512

# A segment never begins with a dot: neither `..` nor a store's own files are keys.
_SEGMENT = re.compile("[A-Za-z0-9_][A-Za-z0-9._-]*")
_KEY = re.compile(f"{_SEGMENT.pattern}(/{_SEGMENT.pattern})*")


class BadKey(ValueError):
    """An invalid key: our bug, as no client's text is part of a key."""


class WrongDigest(DomainError):
    """The received bytes have another SHA-256 than announced."""

    kind, code = "invalid", "wrong_digest"


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: its size in bytes and its time of creation, in seconds (UTC)."""

    key: str
    size_bytes: int
    modified_s: float


@dataclass(frozen=True, slots=True)
class Received:
    """A blob that is completely in the store, with its SHA-256 (hex)."""

    key: str
    size_bytes: int
    sha256: str


class Writing(Protocol):
    """A blob being written; discarded if closed before it is complete."""

    @property
    def size_bytes(self) -> int:
        """How much was written so far."""
        ...

    def write(self, chunk: bytes) -> None:
        """Take the next bytes, however many. Raises TooLarge or OSError."""
        ...

    def complete(self) -> Received:
        """Return the blob when the store has it to stay.

        Raises WrongDigest, FileExistsError when another writer of the same key was
        first, or OSError; then it is not there.
        """
        ...

    def close(self) -> None:
        """Release what the writing holds; a second call changes nothing."""
        ...


class ByteStore(Protocol):
    """A store of bytes under keys: paths of plain segments, made by the server.

    Every call may raise OSError, BadKey for what is no key, and FileNotFoundError
    where it names a blob that is not there. Safe from any number of threads and
    processes; a process that is killed in any call leaves nothing that is seen.
    """

    def writing(self, key: str, *, max_bytes: int, sha256: str = "") -> Writing:
        """Begin a new blob of at most so many bytes, and of this SHA-256 if given."""
        ...

    def put(
        self, key: str, chunks: Iterable[bytes], *, max_bytes: int, sha256: str = ""
    ) -> Received:
        """Write the chunks as a new blob, and return it when it is there to stay.

        Raises TooLarge, WrongDigest, FileExistsError, and what `chunks` raises; then
        nothing is left.
        """
        writing = self.writing(key, max_bytes=max_bytes, sha256=sha256)
        try:
            for chunk in chunks:
                writing.write(chunk)
            return writing.complete()
        finally:
            writing.close()

    def adopt(self, key: str, path: Path, *, is_lasting: bool = True) -> None:
        """Make a finished file of this machine the blob; the file is gone then.

        A blob that was under the key is replaced whole. What can be made again need
        not be `is_lasting`: it is not synced, and a power cut may take it.
        """
        ...

    def adopt_folder(self, prefix: str, folder: Path, *, last: str) -> None:
        """Make the files of a folder the blobs below a prefix; the folder is gone then.

        Once the one named `last` is there, all are. Where it is there already, the
        same has come before, and stays.
        """
        ...

    def open(self, key: str, first: int = 0, size: int | None = None) -> BinaryIO:
        """Return the bytes from `first` on, at most `size` of them, to be read once."""
        ...

    def stat(self, key: str) -> Blob:
        """Return what the store knows of a blob."""
        ...

    def listing(self, prefix: str) -> Iterator[Blob]:
        """Yield the blobs below a prefix that ends with `/`, by their keys."""
        ...

    def delete(self, key: str) -> None:
        """Delete a blob that may be gone already; whoever reads it reads on."""
        ...

    def delete_below(self, prefix: str) -> None:
        """Delete all below a prefix that ends with `/`; no half of it is ever seen."""
        ...

    def copy(self, key: str, new_key: str) -> None:
        """Give the bytes of a blob a second, new key. Raises FileExistsError."""
        ...

    def link(self, key: str, *, name: str, lifetime_s: int) -> str | None:
        """Return an address that downloads the blob under a name for some seconds.

        None where clients cannot reach the store: its bytes go through this server.
        """
        ...

    def local(self, key: str) -> Path:
        """Return a path of this machine to read the blob by, for what needs a path.

        To be opened at once: a store elsewhere gives a verified copy, which it may
        take away again. A blob that is not there is missing at the latest then.
        """
        ...

    def sweep(self, older_than_s: float) -> int:
        """Delete what writers that were killed have left; return how much it was."""
        ...


def checked_key(key: str) -> str:
    """Return the key. Raises BadKey for what could leave the store's root."""
    if len(key) > MAX_KEY_LENGTH or not _KEY.fullmatch(key):
        raise BadKey(f"{key[:80]!r} is no key of a byte store.")
    return key


def is_segment(name: str) -> bool:
    """Whether a name may be part of a key."""
    return _SEGMENT.fullmatch(name) is not None


def checked_prefix(prefix: str) -> str:
    """Return the prefix without its last slash. Raises BadKey."""
    if not prefix.endswith("/"):
        raise BadKey(f"{prefix[:80]!r} is no prefix: it does not end with '/'.")
    return checked_key(prefix[:-1])
