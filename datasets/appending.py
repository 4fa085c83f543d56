"""Rows that come after those of a version: read at once if small, as uploads are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from datasets import ingestion, inline_ingestion
from datasets.analytics.errors import IngestRefused
from datasets.models import Dataset, DatasetVersion
from datasets.models.dataset import AppendBase
from datasets.storage import IncomingFile
from mlops.core.models import User


def append_version(
    dataset: Dataset,
    files: Sequence[IncomingFile],
    base: AppendBase,
    *,
    by: User | None,
) -> tuple[DatasetVersion, bool]:
    """Append files to a version; return the resulting version, and whether it is new.

    Raises NotCurrent, BadFile, UnsupportedFormat or FileTooLarge; then nothing is
    stored.
    """
    with _prepared(files, base) as found:
        outcome = found.outcome if found else None
        version, is_new = dataset.append_rows(files, base, by=by, outcome=outcome)
        if is_new:
            ingestion.settle_now(version, found)
    return version, is_new


@contextmanager
def _prepared(
    files: Sequence[IncomingFile], base: AppendBase
) -> Iterator[inline_ingestion.FinishedConversion | None]:
    try:
        first = inline_ingestion.base_of(base.version, widens=base.widens)
    except IngestRefused as refused:
        raise inline_ingestion.explained(refused) from None
    with inline_ingestion.prepared(files, base.options, first) as found:
        yield found
