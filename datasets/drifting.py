"""Drift between two versions: computed once, kept for good, for whoever asks.

`lifecycle` and `deployments` make their DriftEvents from what `report` returns.
"""

import orjson

from datasets import storage
from datasets.analytics import drift
from datasets.models import DatasetVersion, DriftReport
from datasets.questions import dumps
from datasets.refusals import asking
from mlops.core.models import User


def report(
    reference: DatasetVersion, current: DatasetVersion, *, by: User | None = None
) -> DriftReport:
    """Return the stored comparison, or make it. Raises Refused, NotReady or Purged."""
    stored = DriftReport.objects.select_related("reference", "current").filter(
        reference=reference, current=current, revision=drift.REVISION
    )
    if found := stored.first():
        return found
    norm = storage.data_path(reference.require_content().digest)
    judged = storage.data_path(current.require_content().digest)
    with asking():
        result = drift.compare(norm, judged)
    return DriftReport.keep(
        reference,
        current,
        drift.REVISION,
        level=result.level,
        drifted_count=len(result.drifted),
        body=orjson.loads(dumps(result)),
        created_by=by,
    )
