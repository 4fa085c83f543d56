"""What is said of versions that were read before cells were guaranteed."""

import io
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from datasets.certainty import GUARANTEED_FROM, Certainty, verdict
from datasets.models import DatasetVersion, SourceFile
from tests.datasets.conftest import DATASETS

pytestmark = pytest.mark.django_db


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.fixture
def old(upload):
    """Upload a file, and let its version be one of the first revision."""

    def make(name, body, file_name="a.parquet", **changes):
        assert upload(name, body, file_name).status_code == 201
        found = DatasetVersion.objects.filter(dataset__name=name)
        found.update(type_rules=1, content_digest="", **changes)
        return found.get()

    return make


def printed(*arguments):
    out = io.StringIO()
    call_command("dataset_versions", *arguments, stdout=out)
    return out.getvalue()


def test_a_version_of_now_is_guaranteed(upload):
    upload("now", "a\n1\n")

    assert verdict(DatasetVersion.objects.get()).certainty is Certainty.GUARANTEED


def test_rows_that_were_appended_make_those_before_them_no_surer(old, upload):
    first = old("old", "a\n1\n", "a.csv")
    upload("new", "a\n1\n")
    appended = DatasetVersion.objects.get(dataset__name="new")
    appended.appended_to = first

    assert verdict(appended).certainty is Certainty.UNKNOWN


def test_rows_of_a_filter_or_of_sql_are_no_surer_than_their_version(old, api):
    old("old", "a,b\n1,2\n3,4\n", "a.csv")
    client = api("data scientist")
    kept = [{"column": "a", "operator": "gt", "value": 1}]

    answer = client.post(f"{DATASETS}/old/filter/versions", {"conditions": kept})

    made = DatasetVersion.objects.get(number=2)
    assert answer.json()["made_of"] == [
        {
            "dataset_id": str(made.dataset_id),
            "dataset_name": "old",
            "version": 1,
        }
    ]
    assert verdict(made).certainty is Certainty.UNKNOWN
    assert (
        verdict(made).reasons == verdict(DatasetVersion.objects.get(number=1)).reasons
    )


def test_what_rows_were_made_of_may_be_gone(upload):
    upload("table", "a\n1\n")
    made = DatasetVersion.objects.get()
    made.made_of = [{"id": str(uuid.uuid4()), "dataset_name": "old", "version": 3}]

    assert verdict(made).certainty is Certainty.UNKNOWN
    assert verdict(made).reasons == ("old v3, of which it was made, is gone",)


def test_a_version_after_thousands_of_appends_is_judged(upload):
    upload("table", "a\n1\n")
    first = DatasetVersion.objects.get()
    chain = first
    for number in range(2, 3_000):
        after = DatasetVersion(number=number, dataset=first.dataset)
        after.type_rules, after.appended_to = GUARANTEED_FROM, chain
        chain = after

    assert verdict(chain).certainty is Certainty.GUARANTEED


def test_one_file_with_types_of_its_own_cannot_have_changed(old):
    version = old("typed", parquet(a=[1, 2], b=["x", None]))

    assert verdict(version).certainty is Certainty.UNCHANGED


def test_doubles_may_have_been_decimals_and_several_files_one_type(old):
    double = old("double", parquet(a=[1.5]))
    several = old("several", parquet(a=[1]))
    SourceFile.objects.create(version=several, position=1, name="b", size_bytes=1)
    unknown = old("unknown", parquet(a=[1]))
    unknown.sources.all().delete()

    found = [verdict(version) for version in (double, several, unknown)]

    assert {item.certainty for item in found} == {Certainty.UNKNOWN}
    assert [len(item.reasons) for item in found] == [1, 1, 1]


@pytest.mark.parametrize(
    ("file_name", "body"),
    [
        ("a.csv", "a\n1\n"),
        ("a.csv", "a\n2024-01-31\n"),
        ("a.tsv", "a\tb\nx\ty\n"),
        ("a.jsonl", '{"a": 1}\n'),
    ],
)
def test_no_text_file_is_called_good_by_default(old, file_name, body):
    found = verdict(old("text", body, file_name))

    assert found.certainty is Certainty.UNKNOWN
    assert found.reasons


@pytest.mark.parametrize("rules", [2, 3])
def test_what_rules_in_the_making_read_from_text_cannot_be_told(old, rules):
    version = old("text", "a\n1\n", "a.csv")
    version.type_rules = rules

    assert verdict(version).certainty is Certainty.UNKNOWN
    assert verdict(version).reasons == (
        "rare lines and spellings were lost unseen by the rules of that time",
    )


def test_the_command_lists_and_counts_and_reads_nothing(old, upload, data_dir):
    old("one", "a\n1\n", "a.csv")
    old("two", parquet(a=[1]))
    upload("three", "a\n1\n")
    for path in (data_dir / "datasets/content").rglob("data.parquet"):
        path.unlink()

    text = printed()

    assert "one v1: cannot be told; upload again\n    " in text
    assert "two v1: cannot have changed\nthree" not in text
    assert text.endswith(
        "1 guaranteed\n1 cannot have changed\n1 cannot be told; upload again\n"
    )


def test_digests_that_are_missing_are_computed_when_asked_for(old, upload, api):
    version = old("old", "a\n1\n", "a.csv")
    new = upload("new", "a\n1\n").json()

    assert f"content {new['content_digest']}" in printed("--digest", "--dataset", "old")

    version.refresh_from_db()
    assert version.content_digest == new["content_digest"]
    assert api("viewer").get(f"{DATASETS}/old").json()["content_digest"]
