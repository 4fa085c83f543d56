"""Files against rows, in both directions, while both go on changing.

A file comes before its row and goes after it. So files are listed first and rows then,
the young are left alone, and what seems wrong is looked at again a little later.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mlops.backup.registration import NamedFile, listings
from mlops.core.blobs import Blob
from mlops.core.byte_store import byte_store, digest_of
from mlops.core.models import DelayedDeletion, FilePin
from mlops.doctor.findings import Ailment, Symptom
from mlops.doctor.quarantine import QuarantineFolder

YOUNG_S: Final = 3600.0
"""The row of a younger file may be about to be written."""
SETTLING_S: Final = 2.0
"""After so long whatever was between a row and its file has ended."""
_PUT_BACK: Final = "Put it back from a backup: `manage.py restore` into an empty place."


@dataclass(frozen=True, slots=True)
class FileChecks:
    """Compares the files of the store with the rows; reads all bytes if it is to."""

    quarantine: QuarantineFolder
    reads_bytes: bool = True

    def run(self) -> Iterator[Symptom]:
        for prefix, listing in listings().items():
            found = list(byte_store().listing(prefix))
            named = {one.key: one for one in listing("default")}
            suspects = {blob.key for blob in found if _is_strange(blob, named)}
            missing = [key for key, one in named.items() if self._wrong(one)]
            if not suspects and not missing:
                continue
            time.sleep(SETTLING_S)
            now = {one.key: one for one in listing("default")}
            yield from self._strays(suspects, now)
            for key in missing:
                if (one := now.get(key)) and (wrong := self._wrong(one)):
                    yield wrong

    def _wrong(self, one: NamedFile) -> Symptom | None:
        """Return what is wrong with the file of a row."""
        try:
            blob = byte_store().stat(one.key)
            if one.size_bytes not in {None, blob.size_bytes}:
                what = (
                    f"Its digest differs: the file has {blob.size_bytes} bytes, "
                    f"the row says {one.size_bytes}."
                )
                return Symptom(Ailment.OTHER_DIGEST, one.key, what, _PUT_BACK)
            if self.reads_bytes and one.sha256 and digest_of(one.key) != one.sha256:
                what = "Its digest differs from the row's."
                return Symptom(Ailment.OTHER_DIGEST, one.key, what, _PUT_BACK)
        except FileNotFoundError:
            if not one.is_required:
                return None
            what = "Its file is not there."
        except OSError as error:
            what = f"Its file cannot be read: {error.strerror}."
        else:
            return None
        return Symptom(Ailment.ROW_WITHOUT_FILE, one.key, what, _PUT_BACK)

    def _strays(
        self, suspects: set[str], named: dict[str, NamedFile]
    ) -> Iterator[Symptom]:
        if FilePin.is_held():
            return  # a backup runs: what it may need has been left in place for it
        for key in sorted(suspects - named.keys()):
            if _is_there(key) and not is_to_go(key):
                what = "No row names this file."
                yield self.quarantine.stray(key, what, _unless_named(key))


def is_to_go(key: str) -> bool:
    """Whether the file is on its way out, held back by a backup that ran."""
    above = [key[: place + 1] for place, letter in enumerate(key) if letter == "/"]
    return DelayedDeletion.objects.filter(pk__in=[key, *above]).exists()


def _unless_named(key: str) -> Callable[[], str]:
    def why_not() -> str:
        if FilePin.is_held():
            return "A backup runs, and may need it."
        for prefix, listing in listings().items():
            if key.startswith(prefix) and any(
                one.key == key for one in listing("default")
            ):
                return "A row names it now."
        return ""

    return why_not


def _is_strange(blob: Blob, named: dict[str, NamedFile]) -> bool:
    return blob.key not in named and blob.modified_s < time.time() - YOUNG_S


def _is_there(key: str) -> bool:
    try:
        byte_store().stat(key)
    except OSError:
        return False
    return True
