"""What apps say of their files and rows, by import path, as workers' threads are.

An app registers, for each folder of the byte store that its rows name files in, who
lists them; and what a restored copy has to forget.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names: its key and, where the row says them, digest and size.

    What is not `is_required` may be missing: it is copied where it is there.
    """

    key: str
    sha256: str = ""
    size_bytes: int | None = None
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class ReturningFile:
    """A file that comes back from a backup; `chunks` begins to read it."""

    key: str
    size_bytes: int
    sha256: str
    chunks: Callable[[], Iterator[bytes]]


Listing = Callable[[str], Iterator[NamedFile]]
"""Lists, in the order of keys, the files that rows of a database alias name."""
Placing = Callable[[list[ReturningFile]], None]
"""Puts files that lie in one folder of the store back; what is there may stay."""
Keys = Callable[[str], dict[str, list[str]]]
"""Names the keys that rows of an alias need and a backup has not, by what they are."""
Waiting = Callable[[], str]
"""Says why an installation is not to be replaced now; "" if nothing is against it."""
Forgetting = Callable[[], list[str]]
"""Changes what a copy must not have, and returns sentences about it."""

_PUT_EACH = "mlops.backup.placing.put_each"
_listings: dict[str, str] = {}
_placings: dict[str, str] = {}
_others: dict[str, list[str]] = {"keys": [], "wait": [], "forget": []}


def register_files(prefix: str, listing: str, placing: str = _PUT_EACH) -> None:
    """Add a `Listing` of the files below a prefix, and the `Placing` that puts them."""
    _listings[prefix], _placings[prefix] = listing, placing


def register(*, keys: str = "", wait: str = "", forget: str = "") -> None:
    """Add `Keys`, a `Waiting` or a `Forgetting`, by path."""
    for kind, path in (("keys", keys), ("wait", wait), ("forget", forget)):
        if path and path not in _others[kind]:
            _others[kind].append(path)


def listings() -> dict[str, Listing]:
    """Return who lists the files below each prefix, in the order of the prefixes."""
    found = sorted(_listings.items())
    return {prefix: cast("Listing", import_string(path)) for prefix, path in found}


def placings() -> dict[str, Placing]:
    """Return who puts files back, by the prefix that they lie below."""
    found = _placings.items()
    return {prefix: cast("Placing", import_string(path)) for prefix, path in found}


def forgetting() -> list[Forgetting]:
    return [cast("Forgetting", import_string(path)) for path in _others["forget"]]


def reasons_to_wait() -> list[Waiting]:
    return [cast("Waiting", import_string(path)) for path in _others["wait"]]


def needed_keys(alias: str) -> dict[str, list[str]]:
    """Return the names of keys that the rows of a database need, by what they are."""
    found = dict[str, list[str]]()
    for path in _others["keys"]:
        found |= cast("Keys", import_string(path))(alias)
    return found
