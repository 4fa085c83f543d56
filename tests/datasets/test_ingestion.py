"""The background reader: claims, progress, cancel, retry, kills and leftovers."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from datasets import ingestion, inline_ingestion, storage, sweeping
from datasets.errors import IllegalMove, InUse, Purged
from datasets.models import Dataset, DatasetVersion, IngestJob, StoredAnalysis
from datasets.models.job import MAX_ATTEMPTS
from datasets.models.version import drop_content
from lifecycle.models import Experiment, Run
from mlops.worker import registration
from tests.datasets.conftest import DATASETS, PRICES, files_below

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(data_dir):
    """A dataset whose files wait for the loop."""

    def make(name="waiting", text=PRICES):
        file = storage.receive("a.csv", [text.encode()])
        return Dataset.create_from(name, [file], by=None)

    return make


def expire(job):
    past = timezone.now() - timedelta(seconds=1)
    IngestJob.objects.filter(pk=job.pk).update(lease_until=past)


def only_content_is_left(data_dir):
    return all(
        path.startswith("content/") for path in files_below(data_dir / "datasets")
    )


def test_what_waits_is_read_and_becomes_the_current_version(waiting, data_dir):
    dataset = waiting()

    assert ingestion.ingest_once() == 1

    dataset.refresh_from_db()
    version = dataset.current_version
    assert (version.state, version.row_count, version.column_count) == ("ready", 56, 4)
    assert version.source_format == "csv"
    assert [column.name for column in version.columns.all()] == list(dataset.schema)
    assert version.columns.get(name="close").profile["mean"] == pytest.approx(100.0)
    assert only_content_is_left(data_dir)
    kinds = set(StoredAnalysis.objects.values_list("kind", flat=True))
    assert {"sample", "statistics", "correlation", "detail"} <= kinds


def test_nothing_that_waits_is_nothing_done(data_dir):
    assert ingestion.ingest_once() == 0


def test_a_file_that_is_no_table_fails_with_its_reason(waiting, data_dir):
    dataset = waiting(text="a,b,c\n1,2,3\n4,5\n6,7,8,9\n1\n")

    ingestion.ingest_once()

    dataset.refresh_from_db()
    assert dataset.current_version is None
    assert dataset.newest_version.state == "failed"
    assert "line" in dataset.newest_version.state_reason
    assert str(data_dir) not in dataset.newest_version.state_reason


def test_of_two_workers_one_gets_the_job(waiting):
    waiting()
    seen_by_both = IngestJob.objects.get()
    rival = IngestJob.objects.get()

    assert seen_by_both.claim("one")
    assert not rival.claim("two")
    assert IngestJob.objects.claim_next("three") is None


def test_a_dead_workers_job_is_taken_over_and_its_leftovers_go(waiting, data_dir):
    dataset = waiting()
    dead = IngestJob.objects.claim_next("dead")
    folder = storage.work_folder(dead.version_id, dead.attempt)
    folder.mkdir(parents=True)
    (folder / "data.parquet").write_bytes(b"half of it")
    expire(dead)

    assert ingestion.ingest_once() == 1

    dataset.refresh_from_db()
    assert dataset.current_version.row_count == 56
    assert only_content_is_left(data_dir)


def test_what_a_request_has_read_is_its_own_from_the_first_moment(data_dir):
    file = storage.receive("a.csv", [PRICES.encode()])

    with inline_ingestion.prepared([file]) as found:
        dataset = Dataset.create_from("small", [file], by=None, is_read=True)
        assert ingestion.ingest_once() == 0
        ingestion.settle_now(dataset.newest_version, found)

    assert Dataset.objects.get().current_version.row_count == 56


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_worker_that_wakes_at_once_takes_no_version_of_a_request(
    upload, api, monkeypatch
):
    monkeypatch.setattr(registration, "wake", ingestion.ingest_once)

    made = upload().json()
    files = {"file": SimpleUploadedFile("b.csv", b"date,close\n2024-02-01,3\n")}
    versions = f"{DATASETS}/{made['id']}/versions"
    added = api("data scientist").post(versions, files, format="multipart").json()

    assert (made["state"], made["row_count"]) == ("ready", 56)
    assert (added["state"], added["row_count"]) == ("ready", 1)


def test_what_a_request_died_over_is_taken_over_by_the_worker(data_dir):
    file = storage.receive("a.csv", [PRICES.encode()])
    dataset = Dataset.create_from("small", [file], by=None, is_read=True)
    assert ingestion.ingest_once() == 0
    expire(dataset.newest_version.job)

    assert ingestion.ingest_once() == 1

    assert Dataset.objects.get().current_version.row_count == 56


def test_a_request_that_was_too_slow_leaves_the_version_to_who_took_it(data_dir):
    file = storage.receive("a.csv", [PRICES.encode()])
    with inline_ingestion.prepared([file]) as found:
        dataset = Dataset.create_from("small", [file], by=None, is_read=True)
        expire(dataset.newest_version.job)
        taken = IngestJob.objects.claim_next("worker")

        ingestion.settle_now(dataset.newest_version, found)

    dataset.newest_version.refresh_from_db()
    assert dataset.newest_version.state == "processing"
    assert taken.report(bytes_done=1, rows_done=1)


def test_a_worker_that_lost_its_lease_writes_nothing(waiting):
    waiting()
    slow = IngestJob.objects.claim_next("slow")
    expire(slow)
    fast = IngestJob.objects.claim_next("fast")

    assert not slow.report(bytes_done=1, rows_done=1)
    assert not slow.finish()
    assert fast.report(bytes_done=2, rows_done=2)


def test_a_long_analysis_does_not_cost_the_job(waiting):
    waiting()
    job = IngestJob.objects.claim_next("thorough")
    expire(job)

    assert job.renew()

    assert IngestJob.objects.claim_next("other") is None


def test_a_kill_between_content_and_row_is_mended_by_the_next_attempt(
    waiting, data_dir
):
    dataset = waiting()
    other = waiting("twin")
    ingestion.ingest_once()
    digest = Dataset.objects.get(pk=other.pk).current_version.digest
    DatasetVersion.objects.filter(dataset=dataset).update(
        state="processing", digest="", ready_at=None
    )
    dataset.newest_version.columns.all().delete()
    file = dataset.newest_version.sources.get()
    file.path.write_bytes(PRICES.encode())
    IngestJob.objects.filter(version__dataset=dataset).update(finished_at=None)

    ingestion.ingest_once()

    dataset.refresh_from_db()
    assert dataset.current_version.digest == digest
    assert only_content_is_left(data_dir)


def test_a_file_that_kills_its_reader_is_given_up(waiting):
    dataset = waiting()
    for attempt in range(MAX_ATTEMPTS):
        job = IngestJob.objects.claim_next(f"dies-{attempt}")
        expire(job)

    ingestion.ingest_once()

    dataset.refresh_from_db()
    assert dataset.newest_version.state == "failed"
    assert "given up" in dataset.newest_version.state_reason


def test_a_cancelled_version_stops_and_leaves_no_content(
    waiting, data_dir, monkeypatch
):
    monkeypatch.setattr(ingestion, "REPORT_S", 0.0)
    dataset = waiting()

    ingestion.ingest_once(watch=lambda job: cancel_once(job.version))

    dataset.refresh_from_db()
    assert dataset.newest_version.state == "failed"
    assert "Cancelled" in dataset.newest_version.state_reason
    assert not [
        p
        for p in files_below(data_dir / "datasets")
        if p.startswith(("content", "work"))
    ]


def cancel_once(version):
    version.refresh_from_db()
    if version.state == "processing":
        version.cancel(by=None)


def test_a_cancelled_version_can_be_tried_again(waiting):
    dataset = waiting()
    version = dataset.newest_version
    version.cancel(by=None)
    assert ingestion.ingest_once() == 0

    version.retry(by=None)
    assert ingestion.ingest_once() == 1

    version.refresh_from_db()
    assert version.state == "ready"
    with pytest.raises(IllegalMove):
        version.retry(by=None)
    with pytest.raises(IllegalMove):
        version.cancel(by=None)


def test_equal_content_points_back_to_its_version(waiting, add_version):
    dataset = waiting(text="a,b\n1,x\n")
    ingestion.ingest_once()
    quoted = storage.receive("q.csv", [b'"a","b"\n"1","x"\n'])
    version, is_new = dataset.add_version([quoted], by=None)

    ingestion.ingest_once()

    version.refresh_from_db()
    dataset.refresh_from_db()
    assert is_new
    assert (version.state, version.state_reason) == (
        "failed",
        "Its content is that of version 1.",
    )
    assert dataset.current_version.number == 1


@pytest.mark.django_db(transaction=True)
def test_old_versions_lose_their_bytes_and_keep_their_row(make_dataset, add_version):
    dataset = make_dataset(keep_versions=2)
    for close in (1, 2, 3):
        add_version(dataset, f"a\n{close}\n")

    held = dataset.versions.holding_bytes().order_by("number")

    assert [version.number for version in held] == [3, 4]
    purged = dataset.versions.get(number=1)
    assert not storage.data_path(purged.digest).exists()
    with pytest.raises(Purged):
        purged.require_content()


def test_a_version_that_a_run_was_trained_on_stays(make_dataset, add_version):
    dataset = make_dataset()
    first = dataset.current_version
    run = Run.start(Experiment.create("alpha", by=None), by=None)
    run.read_dataset(first)
    add_version(dataset, "a\n1\n")

    with pytest.raises(InUse):
        first.purge(by=None)
    with pytest.raises(InUse):
        dataset.remove(by=None)
    assert storage.data_path(first.digest).exists()


def test_the_current_version_is_not_purged(make_dataset):
    dataset = make_dataset()

    with pytest.raises(InUse):
        dataset.current_version.purge(by=None)


def test_a_version_that_became_current_meanwhile_is_not_purged(
    make_dataset, add_version
):
    dataset = make_dataset(text="a\n1\n")
    add_version(dataset, "a\n2\n")
    old = dataset.versions.select_related("dataset").get(number=1)
    add_version(dataset, "a\n1\n")

    with pytest.raises(InUse):
        old.purge(by=None)


def test_a_version_that_is_being_read_is_not_purged(waiting):
    version = waiting().newest_version

    with pytest.raises(IllegalMove):
        version.purge(by=None)

    assert all(file.path.exists() for file in version.sources.all())


@pytest.mark.django_db(transaction=True)
def test_a_rollback_keeps_the_bytes_of_what_was_deleted(make_dataset):
    dataset = make_dataset()
    digest = dataset.current_version.digest

    with transaction.atomic():
        dataset.remove(by=None)
        transaction.set_rollback(True)

    assert storage.data_path(digest).exists()


@pytest.mark.django_db(transaction=True)
def test_a_deleted_dataset_leaves_no_answer_about_its_rows(make_dataset):
    twin, dataset = make_dataset("twin"), make_dataset()

    dataset.remove(by=None)
    shared = StoredAnalysis.objects.count()
    twin.remove(by=None)

    assert shared > 0
    assert not StoredAnalysis.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_content_stays_while_a_version_of_it_is_being_written(make_dataset):
    dataset = make_dataset()
    version = dataset.current_version
    DatasetVersion.objects.filter(pk=version.pk).update(state="failed")

    def drop():
        try:
            drop_content(version.digest)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with storage.held(version.digest):
            dropped = pool.submit(drop)
            DatasetVersion.objects.filter(pk=version.pk).update(state="ready")
        dropped.result()

    assert storage.data_path(version.digest).exists()


def test_the_sweep_takes_answers_about_contents_that_are_gone(make_dataset):
    kept = make_dataset().current_version.digest
    StoredAnalysis.objects.create(digest="f" * 64, kind="x", revision=1, body=b"{}")
    hours_ago = timezone.now() - timedelta(hours=2)
    StoredAnalysis.objects.update(computed_at=hours_ago)

    sweeping.run()

    assert set(StoredAnalysis.objects.values_list("digest", flat=True)) == {kept}


def test_the_sweep_takes_what_no_row_stands_for_and_nothing_else(
    make_dataset, waiting, data_dir
):
    kept = make_dataset("kept")
    ingestion.ingest_once()
    root = data_dir / "datasets"
    orphans = [
        root / "incoming" / ("a" * 32),
        root / "partial" / ("b" * 32),
        root / "work" / "nobody.1" / "data.parquet",
        root / "content" / "ff" / ("f" * 64) / "data.parquet",
    ]
    for orphan in orphans:
        orphan.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_bytes(b"x")
    fresh = root / "incoming" / ("c" * 32)
    fresh.write_bytes(b"x")
    old = time.time() - 2 * storage.LEFTOVER_AGE_S
    for path in root.rglob("*"):
        if path != fresh:
            os.utime(path, (old, old))

    sweeping.run()

    assert not any(orphan.exists() for orphan in orphans)
    assert fresh.exists()
    assert storage.data_path(kept.current_version.digest).exists()


def test_the_command_reads_what_waits_and_ends(waiting, capsys):
    waiting()

    call_command("ingest", "--once")

    assert "1 read" in capsys.readouterr().out


def test_progress_is_shown_while_a_version_is_read(waiting, api, monkeypatch):
    monkeypatch.setattr(ingestion, "REPORT_S", 0.0)
    dataset = waiting()
    seen = []

    def look(job):
        answer = api("viewer").get(f"/api/v1/features/datasets/{dataset.pk}/versions/1")
        seen.append(answer.json())

    ingestion.ingest_once(watch=look)

    assert seen[0]["state"] == "processing"
    assert seen[0]["progress"]["bytes_total"] == len(PRICES)
    done = (
        api("viewer").get(f"/api/v1/features/datasets/{dataset.pk}/versions/1").json()
    )
    assert "progress" not in done


def test_staff_sees_how_far_a_reading_is(waiting, admin_client):
    waiting()
    IngestJob.objects.update(
        bytes_total=400, bytes_done=100, rows_done=7, started_at=timezone.now()
    )

    page = admin_client.get("/admin/datasets/datasetversion/").content.decode()

    assert "25%, 7 rows read, " in page
    assert " s left" in page


def test_what_fails_after_the_reading_is_left_to_the_worker(upload, monkeypatch):
    def keep(*_):
        raise OSError("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr(storage, "keep", keep)
        answer = upload()

    assert answer.status_code == 201
    version = DatasetVersion.objects.get()
    assert (version.state, version.job.lease_until) == ("processing", None)
    assert ingestion.ingest_once() == 1
    version.refresh_from_db()
    assert (version.state, version.row_count) == ("ready", 56)
