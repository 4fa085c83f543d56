"""The reader is killed for real, at any moment, and loses nothing."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from datasets import storage
from datasets.ingestion import ingest_once
from datasets.models import Dataset, IngestJob
from tests.datasets.conftest import files_below

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import django
from django.conf import settings
import tests.settings
django.setup()
from datasets.analytics import engine
engine.configure(settings.DATA_DIR / "datasets")
from datasets.ingestion import ingest_once
print("started", flush=True)
ingest_once()
"""


@pytest.fixture
def environment(data_dir):
    """Settings of a second process on the database and the files of this test."""
    module = data_dir / "second_settings.py"
    database = {
        key: value
        for key, value in connection.settings_dict.items()
        if key in {"ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS"}
    }
    module.write_text(
        "from pathlib import Path, PosixPath\n"
        "from tests.settings import *\n"
        f"DATABASES = {{'default': {database!r}}}\n"
        f"DATA_DIR = Path({str(data_dir)!r})\n"
    )
    return {
        **os.environ,
        "PYTHONPATH": f"{data_dir}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "second_settings",
    }


@pytest.mark.parametrize("delay_s", [0.0, 0.2, 0.5, 0.9, 1.3])
def test_a_killed_reader_is_resumed_without_loss_or_leftovers(
    data_dir, environment, delay_s
):
    rows = 400_000
    text = "a,b\n" + "".join(f"{n},{n * 0.5}\n" for n in range(rows))
    dataset = Dataset.create_from(
        "big", [storage.receive("big.csv", [text.encode()])], by=None
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert reader.stdout.readline() == b"started\n"
    time.sleep(delay_s)  # the moment of the kill is what is tried here
    os.kill(reader.pid, signal.SIGKILL)
    reader.wait()
    reader.stdout.close()
    past = timezone.now() - timedelta(seconds=1)
    IngestJob.objects.filter(finished_at=None).update(lease_until=past)

    ingest_once()

    dataset.refresh_from_db()
    version = dataset.current_version
    assert (version.state, version.row_count) == ("ready", rows)
    assert version.columns.count() == 2
    left = [
        p for p in files_below(data_dir / "datasets") if not p.startswith("content/")
    ]
    assert [path for path in left if not path.startswith("duckdb_tmp")] == []
    assert len(list((data_dir / "datasets" / "content").glob("*/*"))) == 1
