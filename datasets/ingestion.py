"""Turns uploaded files into the content of a version, in the background or at once.

The files are parsed in a child process with limits; this process only watches,
reports and, at the end, moves the finished folder to its digest and writes the
rows in one transaction. It may be killed at any moment: another worker takes the
job over when the lease ends, and starts from the uploaded files, which are deleted
last.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from datasets import checks, questions, storage
from datasets.analytics import ingest
from datasets.analytics.errors import IngestRefused
from datasets.inline_ingestion import FinishedConversion, base_of, prepared
from datasets.models import Column, Dataset, DatasetVersion, IngestJob
from datasets.models.job import this_worker
from datasets.models.version import drop_content
from datasets.prepared_answers import PreparedAnswers
from datasets.states import VersionState
from datasets.storage import IncomingFile
from datasets.sweeping import sweep
from mlops.core.byte_store import byte_store
from mlops.core.models import User

logger = logging.getLogger(__name__)

POLL_S = 0.02
REPORT_S = 1.0
SWEEP_S = 600.0

Watcher = Callable[[IngestJob], None]


def ingest_once(*, watch: Watcher | None = None) -> int:
    """Process pending versions, one by one; return how many.

    Safe in any number of processes. `watch` is called at every progress report.
    """
    done = 0
    sweep.now_and_then(every_s=SWEEP_S)
    while job := IngestJob.objects.claim_next(this_worker()):
        _read(job, watch)
        done += 1
    return done


def add_version(
    dataset: Dataset,
    files: Sequence[IncomingFile],
    *,
    by: User | None,
    options: Mapping[str, Any] | None = None,
) -> tuple[DatasetVersion, bool]:
    """Return the version of these files, and whether it is new; read at once if small.

    Raises BadFile, UnsupportedFormat or FileTooLarge; then nothing is stored.
    """
    with prepared(files, options) as found:
        outcome = found.outcome if found else None
        version, is_new = dataset.add_version(
            files, by=by, outcome=outcome, options=options
        )
        if is_new:
            settle_now(version, found)
    return version, is_new


def settle_now(
    version: DatasetVersion | None, found: FinishedConversion | None
) -> None:
    """Make a version ready from a prepared answer, if there is one.

    Its job was made for the caller (`is_read`), so no worker has it meanwhile. What
    fails here says nothing of the file, which is stored: a worker reads it again.
    """
    if version is None or found is None:
        return
    try:
        _settle(version.job, version, found)
    except Exception:
        logger.exception("Version %s is left to the worker", version.pk)
        version.job.release()
    version.refresh_from_db()


def _read(job: IngestJob, watch: Watcher | None) -> None:
    version = DatasetVersion.objects.select_related("dataset").get(pk=job.version_id)
    storage.clear_attempts(version.pk)
    if job.is_exhausted:
        _give_up(job, version, IngestJob.EXHAUSTED)
        return
    folder = storage.work_folder(version.pk, job.attempt)
    try:
        outcome = _convert(job, version, folder, watch)
        if outcome is not None:
            _settle(job, version, FinishedConversion(outcome, folder))
    except IngestRefused as refused:
        _give_up(job, version, refused.message)
    finally:
        storage.remove(folder)


def _convert(
    job: IngestJob,
    version: DatasetVersion,
    folder: Path,
    watch: Watcher | None,
) -> ingest.Outcome | None:
    """Run the child to its end; None if the job's lease was lost."""
    files = [ingest.InputFile(file.path, file.name) for file in version.sources.all()]
    options = ingest.Options.from_json(version.options)
    first = version.appended_to
    base = base_of(first, widens=version.widens) if first else None
    child = ingest.start(files, folder, options=options, base=base)
    reported = time.monotonic()
    try:
        while (outcome := child.poll()) is None:
            if time.monotonic() - reported >= REPORT_S:
                reported = time.monotonic()
                if not _report(job, child, watch):
                    child.kill()
                    return None
            time.sleep(POLL_S)
    except BaseException:
        child.kill()
        raise
    return outcome


def _report(job: IngestJob, child: ingest.Ingestion, watch: Watcher | None) -> bool:
    progress = child.progress()
    job.bytes_done, job.rows_done = progress.bytes_done, progress.rows_done
    is_ours = job.report(bytes_done=job.bytes_done, rows_done=job.rows_done)
    if watch is not None:
        watch(job)
    return is_ours


def _settle(job: IngestJob, version: DatasetVersion, found: FinishedConversion) -> None:
    """Store the content, analyse it, and make the version ready."""
    outcome = found.outcome
    analyses = PreparedAnswers.read(found.folder)
    with storage.held(outcome.digest):
        storage.keep(found.folder, outcome.digest)
        version.digest, version.type_rules = outcome.digest, outcome.type_rules
        columns = _columns(version, outcome, analyses.profiles)
        analyses.keep(version, len(columns))
        # Each of the two may take as long as a lease lasts.
        results = checks.results(version) if job.renew() else []
        dataset = _publish(job, version, outcome, columns, results)
    if dataset is None:
        return
    if version.state != VersionState.READY:
        for file in version.sources.all():
            byte_store().delete(file.key)
        # The same rows may be there in other bytes.
        drop_content(outcome.digest)
    dataset.drop_uploads()
    dataset.retire_versions()


def _publish(
    job: IngestJob,
    version: DatasetVersion,
    outcome: ingest.Outcome,
    columns: list[Column],
    results: list[dict[str, Any]],
) -> Dataset | None:
    """Close the job and make the version ready; None if the job is not ours."""
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=version.dataset_id)
        if not job.finish():
            return None
        version.dataset = dataset
        first = version.appended_to
        if first is not None and version.is_stale:
            version.fail(
                f"Version {first.number} is not the current one any more; append to"
                " the one that is."
            )
        elif twin := dataset.versions.twins(outcome).first():
            dataset.make_current(twin)
            version.fail(f"Its content is that of version {twin.number}.")
        else:
            version.become_ready(outcome, columns)
            checks.keep(version, results)
            dataset.make_current(version)
    return dataset


def _columns(
    version: DatasetVersion,
    outcome: ingest.Outcome,
    profiles: dict[str, questions.ColumnFigures],
) -> list[Column]:
    return [
        Column(
            version=version,
            position=position,
            name=column.name,
            original_name=column.original_name[:1000],
            data_type=column.type[:1000],
            null_count=column.nulls,
            profile=profiles.get(column.name, {}),
        )
        for position, column in enumerate(outcome.columns)
    ]


def _give_up(job: IngestJob, version: DatasetVersion, reason: str) -> None:
    with transaction.atomic():
        if job.finish():
            version.fail(reason)
    logger.info("Version %s could not be read: %s", version.pk, reason)
