"""Drift between two versions: computed once and stored.

`lifecycle` and `deployments` make their DriftEvents from what `report` returns.
"""

import logging

import orjson

from datasets import formulas, storage
from datasets.analytics import drift
from datasets.error_translation import translated_errors
from datasets.models import DatasetVersion, DriftReport, IngestJob
from datasets.stored_answers import dumps
from mlops.core.errors import DomainError
from mlops.core.models import User

logger = logging.getLogger(__name__)

BATCH = 10


def report(
    reference: DatasetVersion, current: DatasetVersion, *, by: User | None = None
) -> DriftReport:
    """Return the comparison, stored or new. Raises Refused, NotReady or Purged."""
    stored = DriftReport.objects.select_related("reference", "current").filter(
        reference=reference, current=current, revision=drift.REVISION
    )
    if found := stored.first():
        return found
    norm = storage.data_path(reference.require_content().digest)
    judged = storage.data_path(current.require_content().digest)
    with translated_errors():
        is_same_source = current.differs_by_rules_only(reference)
        result = drift.compare(norm, judged, is_same_source=is_same_source)
    return DriftReport.keep(
        reference,
        current,
        drift.REVISION,
        level=result.level,
        drifted_count=len(result.drifted),
        body=orjson.loads(dumps(result)),
        created_by=by,
    )


def catch_up() -> int:
    """Compare new versions with the ones before them; return how many there were.

    A refused comparison is not retried by itself; who asks for it gets the reason.
    """
    jobs = list(IngestJob.objects.to_compare()[:BATCH])
    for job in jobs:
        _compare(job.version)
        formulas.catch_up(job.version)
        job.note_compared()
    return len(jobs)


def _compare(version: DatasetVersion) -> None:
    earlier = version.predecessor if version.is_readable else None
    if earlier is None:
        return
    try:
        report(earlier, version)
    except DomainError as refused:
        logger.info("No drift report of %s: %s", version.pk, refused.message)
