"""Any walk over a dataset's versions keeps what must always hold."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from datasets import ingestion, storage
from datasets.models import Dataset, DatasetVersion
from mlops.core.models import AuditEntry
from tests.machines import World, walks

TEXTS = ("x\n1\n", "x\n2\n3\n", "x,y\n1,a\n")
WHICH = st.integers(0, 10)


@pytest.fixture(autouse=True)
def _own_folder(data_dir):
    """Keep what the walks store below the test's own folder."""


class OneDataset(World):
    """A dataset that is given the same three contents again and again, and purged."""

    watched = (Dataset, DatasetVersion, AuditEntry)

    def __init__(self):
        super().__init__()
        self.current = self.numbers = 0
        self.contents = {}
        file = storage.receive("first.csv", [TEXTS[0].encode()])
        with ingestion.prepared([file]) as found:
            self.dataset = Dataset.create_from("walked", [file], by=None, is_read=True)
            ingestion.settle_now(self.dataset.newest_version, found)
        self.took(1, 0)

    def took(self, number, content):
        self.current = number
        self.numbers = max(self.numbers, number)
        self.contents[content] = number

    @property
    def fresh(self):
        return Dataset.objects.get(pk=self.dataset.pk)

    @rule(content=st.integers(0, 2))
    def upload(self, content):
        file = storage.receive("next.csv", [TEXTS[content].encode()])
        version, is_new = ingestion.add_version(self.fresh, [file], by=None)

        assert is_new == (content not in self.contents)
        assert version.number == self.contents.get(content, self.numbers + 1)
        self.took(version.number, content)

    @rule(which=WHICH)
    def purge(self, which):
        version = self.dataset.versions.get(number=which % self.numbers + 1)
        refusal = self.tried(lambda: version.purge(by=None))

        assert (refusal is None) == (version.number != self.current)
        if refusal is None:
            self.contents = {
                content: number
                for content, number in self.contents.items()
                if number != version.number
            }

    @precondition(lambda self: self.numbers > 1)
    @rule(which=WHICH)
    def ready_ones_are_not_read_again(self, which):
        version = self.dataset.versions.get(number=which % self.numbers + 1)

        assert self.tried(lambda: version.retry(by=None)) is not None
        assert self.tried(lambda: version.cancel(by=None)) is not None

    @invariant()
    def the_current_version_is_the_last_one_taken(self):
        dataset = self.fresh

        assert dataset.current_version.number == self.current
        assert dataset.current_version.purged_at is None
        assert storage.data_path(dataset.current_version.digest).exists()

    @invariant()
    def numbers_count_from_one_without_gaps(self):
        numbers = self.dataset.versions.order_by("number")

        found = list(numbers.values_list("number", flat=True))
        assert found == list(range(1, self.numbers + 1))
        assert self.fresh.newest_version.number == self.numbers

    @invariant()
    def a_content_is_one_version(self):
        kept = self.dataset.versions.filter(purged_at=None)

        digests = list(kept.values_list("content_digest", flat=True))
        assert len(set(digests)) == len(digests) == len(self.contents)


test_any_walk_over_a_dataset = walks(OneDataset, examples=1, steps=8)
