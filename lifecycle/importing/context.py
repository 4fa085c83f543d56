"""What one import knows while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lifecycle.importing.report import ImportReport
from lifecycle.importing.sources import HistorySource
from lifecycle.importing.writer import HistoryWriter

TAG: Final = "mlops.import."
"""How the tags begin that an import adds: what something was called before."""
ID_TAG: Final = f"{TAG}experiment_id"
LOCATION_TAG: Final = f"{TAG}artifact_location"
URI_TAG: Final = f"{TAG}artifact_uri"
SOURCE_TAG: Final = f"{TAG}source"
STATUS_TAG: Final = f"{TAG}status"
USER_TAG: Final = f"{TAG}user_id"
NOTE_TAG: Final = "mlflow.note.content"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What the operator wants: folders with files, names, people.

    `users` maps what the source calls a user to an account's primary key.
    """

    places: tuple[Path, ...] = ()
    prefix: str = ""
    workspace: str = ""
    users: Mapping[str, int] = field(default_factory=dict)
    is_dry: bool = False


@dataclass(slots=True)
class ImportContext:
    """The source, what writes, what is reported, and what a dry run would have made."""

    source: HistorySource
    writer: HistoryWriter
    report: ImportReport
    options: ImportOptions
    dry_runs: dict[str, int] = field(default_factory=dict)
    dry_models: set[str] = field(default_factory=set)
    folders_found: int = 0

    @property
    def places(self) -> tuple[Path, ...]:
        """The named folders, and that of a store of files itself."""
        root = self.source.root
        own = (Path(root), Path(root, ".trash")) if root else ()
        return (*self.options.places, *own)
