"""The live sample: what is kept of requests, and how a window of it is read."""

import uuid
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deployments import samples
from deployments.errors import NothingSampled
from deployments.serving.gateway.sampler import PERIOD_S
from mlops.core.byte_store import byte_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path


def stored(deployment, minutes):
    """Store a row for each minute after noon, whose value is that minute."""
    times = [NOON + timedelta(minutes=minute) for minute in minutes]
    rows = pa.table(
        {
            "age": pa.array(minutes, pa.float64()),
            samples.SAMPLED_AT: pa.array(times, pa.timestamp("ms", "UTC")),
        }
    )
    start = int(times[0].timestamp()) // PERIOD_S * PERIOD_S
    return samples.store(deployment, rows, f"{start}-gateway")


def test_a_window_is_one_file_with_the_models_columns_and_no_others():
    deployment = uuid.uuid4()
    stored(deployment, [1, 3, 9])
    stored(deployment, [11, 12])
    stored(deployment, [25])
    since, until = NOON + timedelta(minutes=3), NOON + timedelta(minutes=12)

    with samples.live_sample(deployment, since, until) as sample:
        assert pq.read_table(sample.path).to_pydict() == {"age": [3, 9, 11]}
        assert (sample.row_count, sample.columns) == (3, ("age",))
        assert sample.first_at == since
        assert sample.last_at == NOON + timedelta(minutes=11)
    assert not sample.path.exists()


def test_a_time_without_rows_is_said_to_have_none():
    deployment = uuid.uuid4()
    stored(deployment, [1])

    later = NOON + timedelta(minutes=2)
    window = samples.live_sample(deployment, later, NOON + timedelta(hours=1))
    with pytest.raises(NothingSampled), window:
        pass


def test_each_deployment_has_its_own_rows():
    one, other = uuid.uuid4(), uuid.uuid4()
    stored(one, [1])
    stored(other, [2])

    with samples.live_sample(one, NOON, NOON + timedelta(hours=1)) as sample:
        assert pq.read_table(sample.path).to_pydict() == {"age": [1]}


def test_only_this_user_may_read_it():
    path = byte_store().local(stored(uuid.uuid4(), [1]))

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
