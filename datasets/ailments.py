"""What can be wrong with datasets: readings that nobody does, files of nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from datasets import storage
from datasets.models import Dataset, DatasetVersion, IngestJob, UploadSession
from datasets.states import VersionState
from mlops.core.ids import as_uuid
from mlops.doctor.findings import Ailment, Mending, Symptom
from mlops.doctor.quarantine import QuarantineFolder

OVERDUE: Final = timedelta(minutes=10)
"""So long after its lease a reading is nobody's."""
_WORKER: Final = "The worker (`manage.py reconcile`) does that; does it run?"


def examine() -> Iterator[Symptom]:
    yield from _readings()
    yield from _versions()
    yield from _uploads()
    yield from _folders(QuarantineFolder(Path(settings.DATA_DIR)))


def _readings() -> Iterator[Symptom]:
    before = timezone.now() - OVERDUE
    for job in IngestJob.objects.open().filter(lease_until__lt=before):
        yield Symptom(
            Ailment.HALF_MADE,
            f"datasets.ingestjob {job.pk}",
            f"The reading of version {job.version_id} has been nobody's since "
            f"{job.lease_until:%Y-%m-%d %H:%M}.",
            _WORKER,
            Mending("free it for the next worker", job.let_go),
        )


def _versions() -> Iterator[Symptom]:
    processing = DatasetVersion.objects.filter(state=VersionState.PROCESSING)
    for version in processing.filter(Q(job=None) | Q(job__finished_at__isnull=False)):
        yield Symptom(
            Ailment.HALF_MADE,
            f"datasets.datasetversion {version.pk}",
            "It is being read, and no job is to read it.",
            "Delete it, and upload its file again.",
        )
    current = Dataset.objects.exclude(current_version=None)
    wrong = current.exclude(
        current_version__state=VersionState.READY,
        current_version__purged_at=None,
        current_version__dataset=F("pk"),
    )
    for dataset in wrong:
        yield Symptom(
            Ailment.HALF_MADE,
            f"datasets.dataset {dataset.pk}",
            f"The current version of {dataset} cannot be read.",
            "Make another version current.",
        )


def _uploads() -> Iterator[Symptom]:
    before = timezone.now() - OVERDUE
    for upload in UploadSession.objects.filter(updated_at__lt=before):
        path = upload.path
        size = path.stat().st_size if path.is_file() else 0
        if size < upload.offset and UploadSession.objects.filter(pk=upload.pk).exists():
            yield Symptom(
                Ailment.ROW_WITHOUT_FILE,
                f"datasets/partial/{path.name}",
                f"The upload has {size} of the {upload.offset} bytes of its row.",
                "Its client has to begin again.",
            )


def _folders(quarantine: QuarantineFolder) -> Iterator[Symptom]:
    for path in storage.stale_paths("partial"):
        pk = as_uuid(path.name)
        if not UploadSession.objects.filter(pk__in=[pk] if pk else []).exists():
            yield _stray(path, quarantine)
    jobs = IngestJob.objects.open()
    running = {f"{job.version_id.hex}.{job.attempt}" for job in jobs}
    for path in storage.stale_paths("work"):
        if path.name not in running and path.exists():
            yield _stray(path, quarantine)


def _stray(path: Path, quarantine: QuarantineFolder) -> Symptom:
    where = f"datasets/{path.parent.name}/{path.name}"
    what = "It belongs to no upload or reading, and nothing has swept it."
    return quarantine.stray(where, what)
