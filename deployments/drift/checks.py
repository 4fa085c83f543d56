"""A drift check: live requests, or newer data, against the training data."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from datasets import drift_reports, storage
from datasets.analytics import drift
from datasets.analytics.drift import ColumnDrift, Level, TableDrift
from datasets.error_translation import translated_errors
from datasets.models import DatasetVersion
from datasets.stored_answers import dumps
from deployments.drift.columns import named
from deployments.errors import NoTrainingData
from deployments.models import Deployment, DriftCheck, DriftRule, Finding
from deployments.models.drift import REMOVED, RETYPED
from deployments.samples import LiveSample, live_sample
from deployments.states import DriftSubject
from lifecycle.states import DriftSeverity
from mlops.core.models import User
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import pyarrow.parquet as pq
else:
    pq = lazy_import("pyarrow.parquet")

FAR = 4.0
"""A figure of so many times its bound of drift is critical."""


@dataclass(frozen=True, slots=True)
class SampledPeriod:
    """Requests of [since, until), and the reference data with its name.

    Without a reference it is the data that the model's run was trained on; `columns`
    names the inputs in the model's order where nothing else does.
    """

    since: datetime
    until: datetime
    reference: DatasetVersion | None = None
    columns: tuple[str, ...] = ()


def check_requests(
    deployment: Deployment, period: SampledPeriod, *, by: User | None = None
) -> DriftCheck:
    """Compare the live requests of a deployment with its training data.

    Raises NoTrainingData, NothingSampled, InputsUnknown, NotReady, Purged or Refused
    (analytics' word); then nothing was stored.
    """
    reference = period.reference or training_data(deployment)
    reference.require_content()
    bounds = DriftRule.of(deployment.environment).bounds
    with live_sample(deployment.pk, period.since, period.until) as sample:
        names = named(
            sample.columns,
            list(reference.columns.values_list("name", flat=True)),
            deployment.model_version,
            reference,
            period.columns,
        )
        with _placed(sample, names) as current, translated_errors():
            norm = storage.data_path(reference.digest)
            report = drift.compare(
                norm, current, sorted(names.values()), thresholds=bounds
            )
        seen = {
            "first_at": sample.first_at.isoformat(),
            "last_at": sample.last_at.isoformat(),
        }
    return DriftCheck.write(
        deployment,
        DriftSubject.REQUESTS,
        findings(report),
        by=by,
        reference=reference,
        since=period.since,
        until=period.until,
        row_count=sample.row_count,
        level=report.level,
        body=_body(report) | {"inputs": names, **seen},
    )


def check_dataset(deployment: Deployment) -> DriftCheck | None:
    """Compare the newest version of the training data's dataset with it.

    The comparison is the catalogue's own, stored once for all who ask. None when
    the model was trained on the newest; raises what `check_requests` may raise.
    """
    reference = training_data(deployment)
    current = reference.dataset.current_version
    if current is None or current.pk == reference.pk:
        return None
    kept = drift_reports.report(reference, current)
    found = [_finding(column) for column in kept.body["columns"]]
    found += _schema_findings(kept.body)
    return DriftCheck.write(
        deployment,
        DriftSubject.DATASET,
        [one for one in found if one is not None],
        by=None,
        reference=reference,
        current=current,
        row_count=current.row_count,
        level=kept.level,
        body=kept.body,
    )


def training_data(deployment: Deployment) -> DatasetVersion:
    """Return what the deployed version was trained on. Raises NoTrainingData."""
    data = deployment.model_version.training_data
    if data is None:
        raise NoTrainingData(
            f"The run of {deployment.model_version} names no dataset of the catalogue.",
            field="dataset_name",
        )
    return data


def findings(report: TableDrift) -> list[Finding]:
    """Return the worst check of each column that moved, in the report's order."""
    found = [_finding(_plain(column)) for column in report.columns]
    return [one for one in found if one is not None]


def _finding(column: dict[str, Any]) -> Finding | None:
    moved = [
        check
        for check in column["checks"]
        if check["level"] in {Level.WARNING, Level.DRIFT}
    ]
    if not moved or column["level"] == Level.TOO_FEW_ROWS:
        return None
    check = max(moved, key=lambda one: float(one["value"] / one["drift"]))
    return Finding(
        column["name"],
        check["name"],
        check["value"],
        check["drift"] if check["level"] == Level.DRIFT else check["warning"],
        _severity(check),
    )


def _schema_findings(body: dict[str, Any]) -> list[Finding | None]:
    """Return a finding for each column that went or holds another kind of values."""
    gone, became_text = DriftSeverity.HIGH, set(body["became_text"])
    found: list[Finding | None] = [
        Finding(name, REMOVED, 1.0, 1.0, gone) for name in body["removed"]
    ]
    for name in body["retyped"]:
        severity = gone if name in became_text else DriftSeverity.MEDIUM
        found.append(Finding(name, RETYPED, 1.0, 1.0, severity))
    return found


def _severity(check: dict[str, Any]) -> str:
    if check["level"] == Level.WARNING:
        return DriftSeverity.MEDIUM
    is_far = check["value"] >= FAR * check["drift"]
    return DriftSeverity.CRITICAL if is_far else DriftSeverity.HIGH


def _plain(column: ColumnDrift) -> dict[str, Any]:
    plain: dict[str, Any] = orjson.loads(dumps(column))
    return plain


def _body(report: TableDrift) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(dumps(report))
    return body


@contextmanager
def _placed(sample: LiveSample, names: dict[str, str]) -> Iterator[Path]:
    """Give the sample under the training data's names, where the engine may read."""
    path = storage.root() / "work" / f"sample.{uuid.uuid4().hex}"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        table = pq.read_table(sample.path, columns=list(names))
        pq.write_table(table.rename_columns(_ordered(table.column_names, names)), path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _ordered(columns: Sequence[str], names: dict[str, str]) -> list[str]:
    return [names[column] for column in columns]
