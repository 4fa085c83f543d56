"""The files that a model keeps weights in: opened, mapped, held to their digests.

Their pages are those of the kernel's cache, the same for all processes that map them.
"""

import hashlib
import mmap
import os
import stat
from collections.abc import Mapping
from typing import Any

from deployments.serving.terms import TargetRefused

CHUNK = 4 << 20
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class DataFiles:
    """Files as the supervisor described them: `path`, `stored`, `size_bytes`, `sha256`.

    They are opened at once, while the process may; what is wrong with one is said by
    `verified`. Nothing stays open but the maps, which can only be read.
    """

    def __init__(self, files: list[dict[str, Any]]) -> None:
        self._files = files
        self._maps: dict[str, mmap.mmap] = {}
        self._refusal: TargetRefused | None = None
        try:
            for each in files:
                if each["size_bytes"]:
                    self._maps[each["path"]] = _mapped(each)
        except TargetRefused as refused:
            self._refusal = refused

    def verified(self) -> Mapping[str, memoryview]:
        """Return what the files hold, by path.

        Raises TargetRefused for a changed one.
        """
        if self._refusal is not None:
            raise self._refusal
        found: dict[str, memoryview] = {}
        for each in self._files:
            content = memoryview(self._maps.get(each["path"], b""))
            if _sha256(content) != each["sha256"]:
                raise TargetRefused(
                    f"The checksum (SHA-256) of {each['path']!r} is not the registered "
                    "one: the file was changed or damaged after it was uploaded."
                )
            found[each["path"]] = content
        return found

    def release(self) -> None:
        """Leave the pages to the kernel until they are read again."""
        for each in self._maps.values():
            each.madvise(mmap.MADV_DONTNEED)


def _mapped(file: dict[str, Any]) -> mmap.mmap:
    """Return a map of a regular file, which no link leads to. Raises TargetRefused."""
    try:
        descriptor = os.open(file["stored"], FLAGS)
    except FileNotFoundError:
        raise TargetRefused(
            f"The model's file {file['path']!r} is missing from the store."
        ) from None
    except OSError as error:
        raise TargetRefused(
            f"The model's file {file['path']!r} cannot be read: {error.strerror}."
        ) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise TargetRefused(
                f"The model's file {file['path']!r} is no regular file."
            )
        if found.st_size != file["size_bytes"]:
            raise TargetRefused(
                f"The model's file {file['path']!r} holds {found.st_size} bytes; "
                f"{file['size_bytes']} were registered: it was changed or damaged "
                "after it was uploaded."
            )
        return mmap.mmap(descriptor, found.st_size, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)


def _sha256(content: memoryview) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(content), CHUNK):
        digest.update(content[start : start + CHUNK])
    return digest.hexdigest()
