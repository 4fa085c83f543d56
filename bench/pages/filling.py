"""Fills a store in bulk: runs, deployments and datasets as a large team has them.

Most rows are made by the database out of others (`INSERT … SELECT`), which takes a
minute where the models' verbs would take hours. Knows no page.
"""

import io
import random
from collections import Counter
from datetime import timedelta
from typing import Any

RUNS, DEPLOYMENTS, DATASETS = 200_000, 10_000, 1_000
EXPERIMENTS, IN_LARGEST = 200, 100_000
MODELS, VERSIONS, IN_LARGEST_MODEL = 200, 10, 500
POINTS = 1_000_000
SERVING = 100
FILES, ENTRIES, COLUMNS = 2_000, 300_000, 20
OWNER = "bench"
METRICS, PARAMS = ("accuracy", "auc", "f1", "loss"), ("depth", "rate")
HOURS, BATCH, DAY_MS = 168, 2_000, 86_400_000

_NUMBERS = """
    WITH RECURSIVE numbers(n) AS
        (SELECT CAST(0 AS bigint)
         UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count})
"""
# 150 days, one in ten failed; the first experiment has half of the runs.
_RUNS = """
    INSERT INTO lifecycle_run (uid, experiment_id, name, created_by_id, user_label,
        status, started_ms, ended_ms)
    SELECT 'run-' || n, CASE WHEN n < {largest} THEN {first} ELSE {first} + n % {homes}
        END, 'trial ' || n, {owner}, '',
        CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'completed' END,
        {now} - n * CAST({span} AS bigint) / {count},
        {now} - n * CAST({span} AS bigint) / {count} + 60000
    FROM numbers
"""
_MEASURED = """
    INSERT INTO {table} (run_id, key_id, dataset, step, timestamp_ms, value, is_nan)
    SELECT run.id, one.id, '', 10, run.ended_ms, (run.id * 7919 + one.id * 104729)
        % 10007 / 10007.0, {false}
    FROM lifecycle_run run CROSS JOIN lifecycle_key one WHERE one.name IN ({names})
"""
_PARAMS = """
    INSERT INTO lifecycle_param (run_id, key_id, value, is_json)
    SELECT run.id, one.id, '' || (run.id * 31 + one.id) % 97, {true}
    FROM lifecycle_run run CROSS JOIN lifecycle_key one WHERE one.name IN ({names})
"""
_TAGS = """
    INSERT INTO lifecycle_runtag (run_id, key_id, value)
    SELECT run.id, one.id, 'team-' || run.id % 20
    FROM lifecycle_run run CROSS JOIN lifecycle_key one WHERE one.name = 'team'
"""
_ENTRIES = """
    INSERT INTO core_auditentry (at, actor_id, action, object_type, object_id,
        object_name, changes, request_id, remote_address, number, via)
    SELECT run.at, {owner}, 'create', 'lifecycle.Run', 'run-' || n, 'trial ' || n,
        '{{}}', '', '', n, 'rest'
    FROM numbers CROSS JOIN (SELECT MAX(date_joined) AS at FROM core_user) run
"""
_POINTS = """
    INSERT INTO lifecycle_metricpoint
        (run_id, key_id, dataset, step, timestamp_ms, value, is_nan)
    SELECT {run}, {key}, '', n, {now} + n * 10, (n * 7919 % 10007) / 10007.0, {false}
    FROM numbers
"""


class Filling:
    """Makes the rows; `run` is the long one, whose points are a million."""

    def __init__(self, owner: Any, experiment: Any, run: Any) -> None:
        from django.utils import timezone  # noqa: PLC0415

        self.owner, self.experiment, self.run = owner, experiment, run
        self.now = timezone.now()
        self.now_ms = int(self.now.timestamp() * 1000)

    @classmethod
    def begun(cls) -> "Filling":
        """Make who owns everything, the largest experiment and the long run."""
        from lifecycle.models import Experiment, Run  # noqa: PLC0415
        from lifecycle.models.metric import NewPoint  # noqa: PLC0415
        from mlops.core.models import User  # noqa: PLC0415

        owner = User.objects.create_superuser(OWNER, password=None)
        experiment = Experiment.create("the largest", by=owner)
        run = Run.start(experiment, by=owner, uid="long")
        run.log(
            metrics=[NewPoint(name, 0.5, 0) for name in METRICS],
            params=dict.fromkeys(PARAMS, 1),
            tags={"team": "a"},
        )
        return cls(owner, experiment, run)

    @classmethod
    def found(cls) -> "Filling | None":
        """Return what an earlier run left complete, None if there is nothing."""
        from datasets.models import Dataset  # noqa: PLC0415
        from lifecycle.models import Run  # noqa: PLC0415

        if Dataset.objects.count() <= DATASETS:
            return None
        run = Run.objects.select_related("experiment", "created_by").get(uid="long")
        return cls(run.created_by, run.experiment, run)

    def fill(self) -> None:
        self._training()
        self._files()
        versions = self._registry()
        self._serving(versions)
        self._catalogue()
        _analyze()

    def _sql(self, text: str, *, count: int = 0, **parts: object) -> None:
        from django.db import connection  # noqa: PLC0415

        is_pg = connection.vendor == "postgresql"
        parts |= {"count": count, "now": self.now_ms, "owner": self.owner.pk}
        parts |= {"true": "TRUE" if is_pg else 1, "false": "FALSE" if is_pg else 0}
        numbers = _NUMBERS.format(count=count) if count else ""
        with connection.cursor() as cursor:
            cursor.execute(numbers + text.format(**parts))

    def _training(self) -> None:
        from lifecycle.models import Experiment  # noqa: PLC0415

        Experiment.objects.bulk_create(
            Experiment(name=f"study {number}", owner=self.owner, created_by=self.owner)
            for number in range(EXPERIMENTS - 1)
        )
        homes = {"first": self.experiment.pk, "homes": EXPERIMENTS}
        span = 150 * DAY_MS
        self._sql(_RUNS, count=RUNS, largest=IN_LARGEST, span=span, **homes)
        for table in ("lifecycle_metricpoint", "lifecycle_latestmetric"):
            where = " AND run.uid <> 'long'"
            self._sql(_MEASURED + where, table=table, names=_listed(METRICS))
        self._sql(_PARAMS + " AND run.uid <> 'long'", names=_listed(PARAMS))
        self._sql(_TAGS + " AND run.uid <> 'long'")
        self._sql(_ENTRIES, count=ENTRIES)
        self.points(POINTS)

    def points(self, count: int, start: int = 1) -> None:
        """Add points to the long run's loss, from a step on."""
        from lifecycle.models import Key  # noqa: PLC0415

        key = Key.objects.get(name="loss").pk
        text = _POINTS.replace("n *", f"(n + {start}) *").replace(
            "'', n,", f"'', n + {start},"
        )
        self._sql(text, count=count, run=self.run.pk, key=key)

    def next_step(self) -> int:
        """Return the step behind the last of the long run."""
        from lifecycle.models import MetricPoint  # noqa: PLC0415

        return int(MetricPoint.objects.filter(run=self.run).latest("step").step) + 1

    def _files(self) -> None:
        from lifecycle.models import Artifact  # noqa: PLC0415

        Artifact.objects.bulk_create(
            Artifact(
                run=self.run,
                path=f"checkpoints/{number % 20}/weights-{number}.bin",
                size_bytes=number,
                sha256=f"{number:064x}",
            )
            for number in range(FILES)
        )

    def _registry(self) -> list[Any]:
        """Return the versions of the models, by model; the first model has most."""
        from lifecycle.models import (  # noqa: PLC0415
            ChecklistItem,
            ModelVersion,
            RegisteredModel,
            Run,
            StageChange,
            VersionMetric,
        )

        models = RegisteredModel.objects.bulk_create(
            RegisteredModel(name=f"model-{number}", created_by=self.owner)
            for number in range(MODELS)
        )
        runs = Run.objects.order_by("pk")[: MODELS * IN_LARGEST_MODEL]
        versions = ModelVersion.objects.bulk_create(
            (
                ModelVersion(
                    model=model,
                    version=str(number + 1),
                    number=number + 1,
                    run=runs[place * IN_LARGEST_MODEL + number],
                    created_by=self.owner,
                    framework="onnx",
                )
                for place, model in enumerate(models)
                for number in range(VERSIONS if place else IN_LARGEST_MODEL)
            ),
            BATCH,
        )
        VersionMetric.objects.bulk_create(
            VersionMetric(version=one, name=name, value=0.5)
            for one in versions
            for name in METRICS
        )
        ChecklistItem.objects.bulk_create(
            ChecklistItem(version=one, position=place, name=f"check {place}")
            for one in versions
            for place in range(3)
        )
        StageChange.objects.bulk_create(
            StageChange(
                version=one,
                from_stage="experimental",
                to_stage="staging",
                changed_by=self.owner,
            )
            for one in versions
        )
        return versions

    def _serving(self, versions: list[Any]) -> None:
        """Deploy each model in turn; the newest revision of SERVING slots is active."""
        from deployments.models import Deployment, Slot  # noqa: PLC0415

        slots = Slot.objects.bulk_create(
            Slot(model_id=pk, environment=environment)
            for pk in dict.fromkeys(one.model_id for one in versions)
            for environment in ("development", "staging")
        )
        by_model = {one.model_id: one for one in versions}
        each = DEPLOYMENTS // len(slots)
        on: dict[str, Any] = {"status": "active", "traffic_percent": 100}
        off: dict[str, Any] = {"status": "terminated"}
        made = Deployment.objects.bulk_create(
            (
                Deployment(
                    slot=slot,
                    revision=revision + 1,
                    model_version=by_model[slot.model_id],
                    **(on if place < SERVING and revision == each - 1 else off),
                    created_by=self.owner,
                )
                for place, slot in enumerate(slots)
                for revision in range(each)
            ),
            BATCH,
        )
        self._happenings(made)
        self._traffic([one for one in made if one.status == "active"])

    def _happenings(self, deployments: list[Any]) -> None:
        from deployments.models import DeploymentEvent, DriftCheck  # noqa: PLC0415
        from lifecycle.models import DriftEvent  # noqa: PLC0415

        steps = ("", "pending", "validating", "deploying", "active", "terminated")
        DeploymentEvent.objects.bulk_create(
            (
                DeploymentEvent(
                    deployment=one,
                    sequence=place,
                    from_status=steps[place - 1],
                    to_status=steps[place],
                    mover="reconciler",
                )
                for one in deployments
                for place in range(1, 6 if one.status == "terminated" else 5)
            ),
            BATCH,
        )
        DriftCheck.objects.bulk_create(
            (
                DriftCheck(deployment=one, subject="requests", row_count=100)
                for one in deployments
            ),
            BATCH,
        )
        DriftEvent.objects.bulk_create(
            (
                DriftEvent(
                    version_id=one.model_version_id,
                    severity="low",
                    metric_name="psi",
                    metric_value=0.1,
                )
                for one in deployments
            ),
            BATCH,
        )

    def _traffic(self, active: list[Any]) -> None:
        """Count a week by the hour and the last hour by the minute."""
        from deployments.models import TrafficWindow  # noqa: PLC0415

        minute = self.now.replace(second=0, microsecond=0)
        hour = minute.replace(minute=0)
        starts = [(hour - timedelta(hours=back), 3600) for back in range(HOURS)]
        starts += [(minute - timedelta(minutes=back), 60) for back in range(60)]
        histograms = [_histogram(seed) for seed in range(50)]
        TrafficWindow.objects.bulk_create(
            (
                TrafficWindow(
                    deployment=one,
                    starts_at=at,
                    seconds=seconds,
                    gateway="g1",
                    request_count=600,
                    error_count=3,
                    sum_ms=1_800,
                    max_ms=90,
                    histogram=histograms[place % len(histograms)],
                )
                for one in active
                for place, (at, seconds) in enumerate(starts)
            ),
            BATCH,
        )

    def _catalogue(self) -> None:
        """Upload one dataset for real; the others are rows alone."""
        from datasets.models import Column, Dataset, DatasetVersion  # noqa: PLC0415

        self._upload()
        datasets = Dataset.objects.bulk_create(
            Dataset(name=f"table-{number}", owner=self.owner)
            for number in range(DATASETS)
        )
        versions = DatasetVersion.objects.bulk_create(
            DatasetVersion(
                dataset=one,
                number=number,
                digest=f"{number:064x}",
                state="ready",
                row_count=1_000,
                column_count=COLUMNS,
                ready_at=self.now - timedelta(days=number),
                created_by=self.owner,
            )
            for one in datasets
            for number in (1, 2)
        )
        newest = {one.dataset_id: one for one in versions}
        for one in datasets:
            one.current_version = one.newest_version = newest[one.pk]
        Dataset.objects.bulk_update(datasets, ["current_version", "newest_version"])
        Column.objects.bulk_create(
            (
                Column(version=one, position=place, name=f"c{place}", data_type="float")
                for one in versions
                for place in range(COLUMNS)
            ),
            BATCH,
        )

    def _upload(self) -> None:
        from rest_framework.test import APIClient  # noqa: PLC0415

        rng = random.Random(1)  # noqa: S311 - figures
        lines = [",".join(f"c{place}" for place in range(COLUMNS))]
        lines += [
            ",".join(f"{rng.gauss(0, 1):.4f}" for _ in range(COLUMNS))
            for _ in range(20_000)
        ]
        file = io.BytesIO("\n".join(lines).encode())
        file.name = "real.csv"
        client = APIClient(SERVER_NAME="localhost")
        client.force_authenticate(self.owner)
        body = {"name": "real", "file": file}
        made = client.post("/api/v1/features/datasets", body, format="multipart")
        assert made.status_code in {201, 202}, made.content  # noqa: S101 - ours
        from datasets.ingestion import ingest_once  # noqa: PLC0415

        while ingest_once():
            pass


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _histogram(seed: int) -> dict[str, int]:
    """Return the latencies of a window: log-normal around 3 ms."""
    from deployments.serving.histogram import bucket  # noqa: PLC0415

    rng = random.Random(seed)  # noqa: S311 - figures
    taken = (rng.lognormvariate(1.1, 0.5) for _ in range(600))
    return {str(number): count for number, count in Counter(map(bucket, taken)).items()}


def _analyze() -> None:
    from django.db import connection  # noqa: PLC0415

    if connection.vendor == "postgresql":
        connection.cursor().execute("ANALYZE")
