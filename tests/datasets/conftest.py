"""A data folder per test, and ways to hand files to the catalogue."""

from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from datasets import ingestion, inline_ingestion, storage
from datasets.analytics import engine
from datasets.models import Dataset

DATASETS = "/api/v1/features/datasets"
PRICES = "date,symbol,close,volume\n" + "".join(
    f"2024-01-{day:02d},{symbol},{100 + day * sign},{1000 * day}\n"
    for day in range(1, 29)
    for symbol, sign in (("AAPL", 1), ("MSFT", -1))
)


@pytest.fixture
def data_dir(settings, tmp_path):
    """Keep every byte of the test below its own folder."""
    before = engine.settings()
    settings.DATA_DIR = tmp_path
    engine.configure(tmp_path / "datasets")
    yield tmp_path
    engine.restore(before)


@pytest.fixture
def upload(api, data_dir):
    """POST a dataset as the frontend does; return the answer."""

    def post(name="prices", text=PRICES, file_name="prices.csv", **fields):
        content = text if isinstance(text, bytes) else text.encode()
        file = SimpleUploadedFile(file_name, content)
        body = {"name": name, "file": file, **fields}
        return api("data scientist").post(DATASETS, body, format="multipart")

    return post


@pytest.fixture
def make_dataset(data_dir, db, monkeypatch):
    """Make a ready dataset by the models' own verbs."""
    allow_slow_conversion(monkeypatch)

    def make(name="prices", text=PRICES, by=None, **details):
        file = storage.receive(f"{name}.csv", [text.encode()])
        with inline_ingestion.prepared([file]) as found:
            dataset = Dataset.create_from(name, [file], by=by, is_read=True, **details)
            ingestion.settle_now(dataset.newest_version, found)
        return Dataset.objects.get(pk=dataset.pk)

    return make


@pytest.fixture
def add_version(data_dir, monkeypatch):
    """Add a version to a dataset by the models' own verbs."""
    allow_slow_conversion(monkeypatch)

    def add(dataset, text, by=None):
        file = storage.receive("next.csv", [text.encode()])
        with inline_ingestion.prepared([file]) as found:
            version, is_new = dataset.add_version([file], by=by, outcome=found.outcome)
            if is_new:
                ingestion.settle_now(version, found)
        return version

    return add


def allow_slow_conversion(monkeypatch):
    """Give a small file minutes: a busy machine needs more than a request waits."""
    limits = replace(inline_ingestion.SMALL_LIMITS, wall_s=300)
    monkeypatch.setattr(inline_ingestion, "SMALL_LIMITS", limits)


def files_below(folder):
    """Every file that is left below a folder, as relative paths."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )
