"""Prometheus metrics of backups: how old the last good one is, and the last trial."""

import math
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from mlops.core.models import BackupRecord


def families() -> Iterable[Metric]:
    """Yield both ages in seconds; NaN where there is none yet."""
    yield _age(
        "mlops_backup_age_seconds",
        "Time since the last good backup began; NaN if there is none.",
        BackupRecord.last_good(),
    )
    yield _age(
        "mlops_restore_tried_age_seconds",
        "Time since a restore was last tried, as the last backup knew; NaN if never.",
        BackupRecord.last_tried(),
    )


def _age(name: str, text: str, at: datetime | None) -> Metric:
    family = GaugeMetricFamily(name, text)
    age = math.nan if at is None else (timezone.now() - at).total_seconds()
    family.add_metric((), age if math.isnan(age) else max(age, 0.0))
    return family
