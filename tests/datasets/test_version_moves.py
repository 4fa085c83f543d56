"""The state of a dataset version moves by its table, and by nothing else."""

from dataclasses import dataclass, field

import pytest

from datasets import storage
from datasets.errors import IllegalMove
from datasets.models import Column, Dataset, DatasetVersion
from datasets.states import VERSION_MOVES, VersionState
from mlops.core.models import AuditEntry

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Found:
    """What a reader says of two rows of one column."""

    digest: str = "d" * 64
    content_digest: str = "c" * 64
    size_bytes: int = 10
    row_count: int = 2
    format: str = "csv"
    report: dict = field(default_factory=dict)
    type_rules: int = 3


@pytest.fixture
def waiting(data_dir):
    """Return a version whose file waits to be read."""
    file = storage.receive("prices.csv", [b"a\n1\n2\n"])
    return Dataset.create_from("prices", [file], by=None).newest_version


def be_ready(version):
    column = Column(version=version, position=0, name="a", data_type="BIGINT")
    version.become_ready(Found(), [column])


VERBS = {
    VersionState.READY: be_ready,
    VersionState.FAILED: lambda version: version.fail("no such cell"),
    VersionState.PROCESSING: lambda version: version.retry(by=None),
}
QUIET = {VersionState.FAILED}
"""Where a verb that comes too late is told nothing: the version has an end already."""


def stand(version, state):
    DatasetVersion.objects.filter(pk=version.pk).update(state=state)
    return DatasetVersion.objects.get(pk=version.pk)


@pytest.mark.parametrize("before", VersionState)
@pytest.mark.parametrize("after", VersionState)
def test_state_moves_only_the_ways_that_the_table_has(waiting, before, after):
    version = stand(waiting, before)
    entries = AuditEntry.objects.count()
    is_way = after in VERSION_MOVES[before]

    if is_way or after in QUIET:
        VERBS[after](version)
    else:
        with pytest.raises(IllegalMove):
            VERBS[after](version)

    now = DatasetVersion.objects.get()
    assert now.state == version.state == (after if is_way else before)
    assert AuditEntry.objects.count() == entries + is_way
    assert now.columns.count() == (is_way and after == VersionState.READY)


@pytest.mark.parametrize("end", [VersionState.FAILED, VersionState.READY])
def test_what_ended_meanwhile_does_not_become_ready(waiting, end):
    stand(waiting, end)
    assert waiting.state == VersionState.PROCESSING

    with pytest.raises(IllegalMove, match=f"is {end}; it cannot become ready"):
        be_ready(waiting)

    now = DatasetVersion.objects.get()
    assert (now.state, now.digest, now.row_count) == (end, "", 0)
    assert not now.columns.exists()


def test_what_became_ready_holds_what_the_reader_found(waiting):
    be_ready(waiting)

    now = DatasetVersion.objects.get()
    for version in (now, waiting):
        assert (version.digest, version.row_count) == ("d" * 64, 2)
        assert (version.column_count, version.type_rules) == (1, 3)
        assert version.source_format == "csv"
    assert now.ready_at == waiting.ready_at
