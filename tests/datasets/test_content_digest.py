"""The same rows are the same version, whatever file they came in."""

import io

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from datasets import ingestion, inline_ingestion, storage
from datasets.models import Dataset, DatasetVersion
from tests.datasets.conftest import DATASETS, files_below

pytestmark = pytest.mark.django_db

ROWS = "id,name\n" + "".join(f"{i},n{i}\n" for i in range(30_000))


@pytest.fixture
def as_parquet():
    """The same rows as Parquet, in row groups of another length."""
    out = io.BytesIO()
    table = pyarrow.csv.read_csv(io.BytesIO(ROWS.encode()))
    pq.write_table(table, out, row_group_size=777)
    return out.getvalue()


def test_the_same_rows_in_another_format_are_the_same_version(upload, api, as_parquet):
    made = upload("rows", ROWS).json()
    table = storage.receive("rows.parquet", [as_parquet])
    dataset = Dataset.objects.get(pk=made["id"])

    with inline_ingestion.prepared([table]) as found:
        version, is_new = dataset.add_version([table], by=None, outcome=found.outcome)

    assert not is_new
    assert version.number == 1
    assert version.content_digest == made["content_digest"]
    shown = api("viewer").get(f"{DATASETS}/rows/versions/1").json()
    assert shown["content_digest"] == made["content_digest"]


def test_rows_that_the_loop_finds_to_be_there_leave_no_second_content(
    make_dataset, as_parquet, data_dir
):
    dataset = make_dataset("rows", ROWS)
    table = storage.receive("rows.parquet", [as_parquet])
    before = files_below(data_dir / "datasets/content")
    # Bytes that an older release wrote for the same rows.
    DatasetVersion.objects.update(source_sha256="", digest="0" * 64)

    version, _ = dataset.add_version([table], by=None)
    ingestion.ingest_once()

    version.refresh_from_db()
    assert version.state_reason == "Its content is that of version 1."
    left = files_below(data_dir / "datasets/content")
    assert set(left) <= set(before)


def test_of_a_version_without_a_digest_nothing_is_said_but_what_its_bytes_say(
    make_dataset, add_version, api
):
    dataset = make_dataset("rows", "a\n1\n")
    add_version(dataset, "a\n2\n")
    address = f"{DATASETS}/rows/compare?with=1&version=2"
    assert api("viewer").get(address).json()["is_same_content"] is False

    DatasetVersion.objects.filter(number=1).update(content_digest="")

    assert api("viewer").get(address).json()["is_same_content"] is None
    assert (
        "content_digest" not in api("viewer").get(f"{DATASETS}/rows/versions/1").json()
    )
