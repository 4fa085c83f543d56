import hashlib
import os

import pytest

from lifecycle import artifacts
from lifecycle.errors import ArtifactInUse, LocalUri, UnsafePath
from lifecycle.models import Artifact, LoggedModel, ModelVersion
from lifecycle.models.artifact import Reference
from lifecycle.paths import label_uri, normal_path
from lifecycle.store.logged_models import NewLoggedModel
from mlops.core.errors import Invalid, TooLarge
from tests.lifecycle.factories import ExperimentFactory, RunFactory, stored

pytestmark = pytest.mark.django_db


def test_stored_file_has_size_digest_and_content():
    artifact = artifacts.save(RunFactory(), "a/b.txt", [b"hel", b"lo"], by=None)

    assert artifact.size_bytes == 5
    assert artifact.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert artifacts.file_path(artifact).read_bytes() == b"hello"


def test_file_is_named_by_its_id_and_readable_by_its_owner_only():
    path = artifacts.file_path(stored(RunFactory(), "private.txt"))

    assert "private" not in str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.django_db(transaction=True)
def test_same_path_again_replaces_the_file():
    run = RunFactory()
    old = artifacts.file_path(stored(run, content=b"old"))

    new = stored(run, content=b"new")

    assert not old.exists()
    assert run.artifacts.get() == new


def test_file_under_a_model_version_is_not_replaced():
    run = RunFactory()
    kept = stored(run, content=b"kept")
    ModelVersion.register("churn", by=None, run=run)
    files = len(_files())

    with pytest.raises(ArtifactInUse):
        stored(run, content=b"other")
    with pytest.raises(ArtifactInUse):
        artifacts.delete(kept)

    assert artifacts.file_path(kept).read_bytes() == b"kept"
    assert len(_files()) == files


@pytest.mark.parametrize("kind", ["run", "logged model"])
@pytest.mark.parametrize(
    ("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c/d"), ("é/b", "é")]
)
def test_path_is_a_file_or_a_folder(kind, first, second):
    owner = RunFactory() if kind == "run" else logged_model()
    stored(owner, first)
    files = len(_files())

    with pytest.raises(Invalid, match=r"is a (file|folder)"):
        stored(owner, second)

    assert [artifact.path for artifact in owner.artifacts.all()] == [first]
    assert len(_files()) == files


@pytest.mark.parametrize("other", ["a.txt", "a0", "A", "a-b/c", "a/c", "a/bc"])
def test_neighbour_of_a_folder_is_no_part_of_it(other):
    run = RunFactory()
    stored(run, "a/b")

    assert stored(run, other).path == other


def test_path_of_another_run_is_another_path():
    stored(RunFactory(), "a")

    assert stored(RunFactory(), "a/b").path == "a/b"


def test_reference_is_no_folder_either():
    run = RunFactory()
    stored(run, "a/b")
    label = Reference(name="a", uri="s3://bucket/a", artifact_type="model")

    with pytest.raises(Invalid, match="is a folder"):
        run.refer_to([label], by=None)


def test_too_large_a_file_leaves_nothing(settings):
    settings.MAX_UPLOAD_BYTES = 10
    before = _files()

    with pytest.raises(TooLarge):
        artifacts.save(RunFactory(), "a", [b"x" * 6, b"x" * 6], by=None)

    assert _files() == before
    assert not Artifact.objects.exists()


def test_only_old_files_that_no_row_names_are_swept(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    kept = artifacts.file_path(stored(RunFactory()))
    orphan = kept.with_name("0" * 32)
    part = kept.with_name(f"{kept.name}.{'1' * 32}.part")
    young, foreign = kept.with_name("2" * 32), kept.with_name("notes.txt")
    for path in (orphan, part, young, foreign):
        path.write_bytes(b"x")
    for path in (kept, orphan, part, foreign):
        os.utime(path, (1, 1))

    removed = artifacts.sweep(older_than_s=60)

    assert removed == 2
    assert kept.exists()
    assert young.exists()
    assert foreign.exists()


def logged_model():
    return LoggedModel.begin(NewLoggedModel(ExperimentFactory().pk, "tree"), by=None)


def _files():
    root = artifacts.file_path(Artifact()).parent.parent
    return {path for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "..",
        "a\\b",
        "C:/x",
        "c:x",
        "%2e%2e/x",
        "%252e%252e%252fx",
        "a/%2e%2e/b",
        "%2fetc",
        "a\x00b",
        "a\nb",
        "a\u202eb",
        "x" * 1001,
    ],
)
def test_unsafe_path_is_refused(path):
    with pytest.raises(UnsafePath):
        normal_path(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.c", "dir x/é/a+b.png", "a#b", "50%", "a?;b", "....//".strip("/")]
)
def test_odd_but_safe_path_is_kept(path):
    assert normal_path(path) == path


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "file:///etc",
        "FILE:///etc",
        "file:etc",
        " file:///etc",
        "\tfile:///etc",
        "file:\\\\etc",
        "//etc/passwd",
        "..\\..\\etc",
        "\\\\host\\share",
        "C:\\x",
        "../x",
        "javascript:alert(1)",
        "s3://b/\n",
        "",
    ],
)
def test_uri_of_a_local_file_is_refused(uri):
    with pytest.raises(LocalUri):
        label_uri(uri)


@pytest.mark.parametrize("uri", ["s3://b/k?x=1", "https://h/p#f", "a/b.onnx", "gs://b"])
def test_remote_label_is_kept(uri):
    assert label_uri(uri) == uri
