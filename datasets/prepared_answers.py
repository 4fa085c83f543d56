"""Answers that the ingestion computed on the way, stored before anybody asks."""

from dataclasses import dataclass
from pathlib import Path

import orjson

from datasets.error_translation import Refused
from datasets.models import DatasetVersion, StoredAnalysis
from datasets.questions import ColumnFigures, detail, logger, sample, statistics


@dataclass(frozen=True, slots=True)
class PreparedAnswers:
    """Answers that the ingestion precomputed, as JSON bytes."""

    head: bytes
    statistics: bytes

    @classmethod
    def read(cls, folder: Path) -> "PreparedAnswers":
        return cls(
            (folder / "head.json").read_bytes(), (folder / "profile.json").read_bytes()
        )

    @property
    def profiles(self) -> dict[str, ColumnFigures]:
        """The statistics of each column by its name."""
        return {item["name"]: item for item in orjson.loads(self.statistics)["columns"]}

    def keep(self, version: DatasetVersion, column_count: int) -> None:
        """Store them, and what the dataset's page shows, under the digest.

        An analysis that fails here is computed again when somebody asks for it: the
        content is good without it.
        """
        StoredAnalysis.objects.keep(sample(version).key, self.head)
        StoredAnalysis.objects.keep(statistics(version).key, self.statistics)
        try:
            detail(version, column_count=column_count).body()
        except Refused as refused:
            logger.warning("No correlation of %s: %s", version.digest, refused.message)
