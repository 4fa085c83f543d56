"""What every release has written, today's code migrates, serves and answers from."""

import hashlib
import os
import re

import pytest
from django.db import connection

from mlops.shared_settings import BASE_DIR
from tests.releases import comparing, packing, replaying
from tests.releases.asking import Asking, load
from tests.releases.making import MOST_BYTES, told
from tests.releases.packing import KINDS

RELEASES = replaying.folders()
OF_THE_MOMENT = "GET /readyz as nobody"
of_each = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
of_both = pytest.mark.parametrize("kind", KINDS)


def kept(release, kind):
    return load(release / f"{kind}.answers.jsonl")


def test_the_first_release_has_a_store():
    assert RELEASES[0].name == "0.9.0"


@of_each
def test_files_are_those_of_the_manifest(release):
    manifest = replaying.manifest_of(release)
    files = {path.name: path for path in release.iterdir() if path.is_file()}
    said = {
        name: digest
        for kind in KINDS
        for name, digest in manifest["stores"][kind]["sha256"].items()
    }

    assert manifest["version"] == release.name
    assert re.fullmatch("[0-9a-f]{40}", manifest["tree"]), "a draft is no release"
    assert files.keys() == {
        "README.md",
        "differences.json",
        "manifest.json",
        *said,
    }
    for name, digest in said.items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest, name


@of_each
def test_a_release_is_small(release):
    assert packing.size_of(release) <= MOST_BYTES


@of_each
@of_both
def test_every_question_has_its_answer(release, kind):
    manifest = replaying.manifest_of(release)["stores"][kind]
    asked = kept(release, kind)

    assert len(asked) == manifest["questions"]
    assert {one.who for one, _ in asked} <= {"nobody", *manifest["tokens"]}
    assert not [one for one, answer in asked if answer["status"] >= 500]
    served = [a for one, a in asked if one.at == "serving" and a["status"] == 200]
    assert len(served) >= 5


@of_each
def test_manifest_counts_the_rows_that_are_there(release, tmp_path):
    rows = replaying.manifest_of(release)["stores"]["sqlite"]["rows"]

    packing.unpack("sqlite", release / "sqlite.tar.xz", tmp_path / "store")

    assert packing.sqlite_rows(tmp_path / "store" / packing.LIVE_SQLITE) == rows


@of_each
def test_listed_differences_have_reasons(release):
    assert all(one.reason for one in comparing.listed(release))


@of_each
def test_the_table_of_releases_has_its_line(release):
    page = (BASE_DIR / "docs" / "releases.md").read_text()

    assert f"\n| {release.name} | {replaying.manifest_of(release)['made_on']} |" in page


@pytest.mark.slow
def test_the_next_release_can_be_told(tmp_path):
    """Today's code lets a store be filled as `making` fills it, forms of pages too."""
    kind = "sqlite" if connection.vendor == "sqlite" else "postgresql"
    server = os.environ.get("DATABASE_URL", "")

    world, rows = told(kind, tmp_path / "told", server, tmp_path / f"{kind}.tar.xz")

    assert {"first", "restored", "drift check"} <= world.ids.keys()
    assert rows["deployments_deployment"] == 7


def differences_from(release, folder, **code):
    """Return where answers differ from the release's, on the database of this run.

    `tests/pg.py run` makes it PostgreSQL.
    """
    kind = "sqlite" if connection.vendor == "sqlite" else "postgresql"
    asked, store = kept(release, kind), replaying.manifest_of(release)["stores"][kind]
    server = os.environ.get("DATABASE_URL", "")

    packed = release / f"{kind}.tar.xz"
    with replaying.standing(packed, kind, folder, server, **code) as stack:
        asking = Asking(stack, store["tokens"], store["packed_at"])
        now = replaying.answers(asking, [one for one, _ in asked])

    return [
        difference
        for (one, before), after in zip(asked, now, strict=True)
        for difference in comparing.differences(
            one.name, before, after, is_prediction=one.at == "serving"
        )
    ]


@pytest.mark.slow
@of_each
def test_the_store_answers_as_it_did(release, tmp_path):
    found = differences_from(release, tmp_path / "store")

    meant = comparing.listed(release)
    assert [one for one in found if not any(each.holds(one) for each in meant)] == []
    assert [each for each in meant if not any(map(each.holds, found))] == []


@pytest.mark.slow
def test_the_last_release_serves_after_a_step_back(tmp_path):
    """Its own code answers as it did, on the tables that today's code has made."""
    release = RELEASES[-1]
    code = replaying.code_of(release, tmp_path / "code")
    if code is None:
        pytest.skip("this checkout has no history")

    found = differences_from(release, tmp_path / "store", code=code)

    assert [one for one in found if one.question != OF_THE_MOMENT] == []
