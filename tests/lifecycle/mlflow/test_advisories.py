"""MLflow's advisories, replayed: 4xx, and nothing read, kept, listed or deleted.

One entry an advisory: what was attacked, and the tests that hold it here ("trust" is
test_advisories_trust).

CVE-2023-1177, -1176, -2780, -6909, -6831, -6753, -3765, -6977, CVE-2025-11201: a
  version's source or an experiment's location is a local path
    test_a_version_is_never_made_from_a_path,
    test_a_source_does_not_climb_out_of_its_run,
    test_an_experiment_is_never_kept_at_a_path,
    test_a_remote_source_is_a_label_that_gives_no_files
mlflow/mlflow#7166: `path=../../` of get-artifact, lists and the proxy
    test_no_path_leaves_the_run
CVE-2024-1560: deletion, decoded twice
    test_deleting_nothing_deletes_nothing, test_no_path_leaves_the_run
CVE-2024-1483, -1594, -2928, -3848, -1593: `#`, `?`, `;` hide a path
    CLIMBING in the first row's tests
CVE-2024-3573: `//`, upper case, blanks before a scheme
    LOCAL in the first row's tests
CVE-2026-2614: a prompt's tag skips the check
    test_a_version_is_never_made_from_a_path,
    test_a_model_that_is_a_prompt_is_no_way_round
CVE-2023-6015, -6018, -6975, -6976, CVE-2026-2033: writing anywhere by an upload; links
    test_no_path_leaves_the_run, test_deleting_nothing_deletes_nothing, trust:
    test_one_run_s_rights_and_files_are_not_another_s
CVE-2024-8859, CVE-2025-15031, -15036: unpacking archives
    trust: test_an_archive_stays_an_archive
CVE-2023-6974, CVE-2025-52967, CVE-2026-2393: SSRF
    trust: test_an_address_of_a_client_is_never_called,
    test_a_webhook_is_aimed_by_admins_alone_and_never_inwards
CVE-2025-14279: DNS rebinding
    trust: test_a_foreign_host_name_is_refused, test_a_foreign_page_is_told_nothing,
    test_a_form_or_plain_text_is_no_request
CVE-2025-1473: CSRF
    trust: test_a_cookie_session_opens_nothing_here
CVE-2023-6014: a way round the sign-in
    test_endpoints.test_no_spelling_of_an_address_is_a_way_round
CVE-2026-0545, -2652: routes without a sign-in
    test_endpoints.test_every_address_asks_who_is_there
CVE-2024-4263, CVE-2026-2651, CVE-2025-15381, CVE-2026-8147: a permission forgotten
    trust: test_no_endpoint_forgets_to_ask_for_the_permission
CVE-2025-11200, -1474, CVE-2026-2635: default and weak passwords
    tests/core/test_settings, tests/core/test_sign_in
CVE-2025-0453, CVE-2024-6838: too much of everything
    test_advisories_size, test_search.test_what_is_no_filter_is_refused,
    test_search.test_a_page_has_a_largest_size
CVE-2024-3099: look-alike names
    test_registry.test_names_that_could_be_taken_for_others_are_refused,
    test_registry.test_twins_in_another_normal_form_are_one_model,
    test_registry.test_a_percent_sign_is_only_a_percent_sign
CVE-2023-6568, CVE-2024-27132, -27133: XSS by an artifact
    test_artifacts.test_markup_is_a_download_and_never_a_page
CVE-2024-37052 … 37061: pickles
    trust: test_what_a_model_holds_is_stored_and_never_run
CVE-2025-14287, -15379, CVE-2026-0596, CVE-2023-6940: a shell
    trust: test_a_word_of_the_shell_is_no_source
CVE-2025-10279, CVE-2026-4137: folders open to all
    test_artifacts.test_files_are_for_the_server_s_user_only
"""

from urllib.parse import quote

import pytest
from django.conf import settings

from lifecycle.models import Artifact, Experiment, ModelVersion
from tests.lifecycle.mlflow.conftest import FILES

pytestmark = pytest.mark.django_db

LOCAL = [
    "/etc/",
    "file:///etc/",
    "FILE:///etc",
    "FiLe:/etc",
    "file://localhost/etc",
    "file:etc",
    "file:////etc",
    "file:\\\\\\etc",
    " file:///etc",
    "\tfile:///etc",
    "\nfile:///etc",
    "//etc/passwd",
    "..\\..\\etc",
    "\\\\host\\share",
    "C:\\",
    "C:/windows",
    "relative/path",
    ".",
    "~",
]
CLIMBING = [
    "mlflow-artifacts:/../..",
    "mlflow-artifacts:/x;/../../etc",
    "mlflow-artifacts:/a#/../../etc",
    "mlflow-artifacts://host/..%2f..%2fetc",
    "mlflow-artifacts:/%252e%252e/etc",
    "mlflow-artifacts:/a%00",
    "http:///#/../../../etc/",
    "s3://b/?/../../",
    "s3://bucket/a/../../b",
    "dbfs:/a/%2e%2e/%2e%2e/etc",
    "models:/x/../..",
]
PATHS = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "./a",
    "a//b",
    "..",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc",
    "%252e%252e%252fetc",
    "%25252e%25252e/etc",
    "..\\..\\etc",
    "C:\\x",
    "....//....//etc",
    "a\u202eb",
    "a\nb",
    "a\x00b",
]


@pytest.fixture
def model(mlflow):
    mlflow.ok("registered-models/create", name="m")


@pytest.fixture
def root():
    """A file beside the artifacts, and a link to it inside: neither may be reached."""
    folder = settings.DATA_DIR / "artifacts"
    folder.mkdir(mode=0o700, exist_ok=True)
    secret = settings.DATA_DIR / "secret.txt"
    secret.write_text("secret")
    link = folder / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    yield secret
    assert secret.read_text() == "secret"
    link.unlink()
    secret.unlink()


@pytest.mark.parametrize("source", [*LOCAL, *CLIMBING])
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.usefixtures("model")
def test_a_version_is_never_made_from_a_path(mlflow, run_id, source, tagged):
    """CVE-2023-1177 and its kin, CVE-2025-11201; a prompt's tag skips nothing."""
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}] if tagged else []

    answer = mlflow.post(
        "model-versions/create", name="m", source=source, run_id=run_id, tags=tags
    )

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("source", LOCAL)
def test_a_model_that_is_a_prompt_is_no_way_round(mlflow, source):
    """CVE-2026-2614, by the tag of the registered model."""
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    mlflow.ok("registered-models/create", name="prompt", tags=tags)

    answer = mlflow.post("model-versions/create", name="prompt", source=source)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("inner", ["/../../..", "/a/../../b", "/%2e%2e/x"])
@pytest.mark.usefixtures("model")
def test_a_source_does_not_climb_out_of_its_run(mlflow, experiment, run_id, inner):
    for root in (
        f"runs:/{run_id}",
        f"mlflow-artifacts:/{experiment}/{run_id}/artifacts",
    ):
        answer = mlflow.post(
            "model-versions/create", name="m", source=root + inner, run_id=run_id
        )
        assert answer.status == 400


@pytest.mark.usefixtures("model")
def test_an_address_of_ours_must_be_of_something_that_is_here(
    mlflow, experiment, run_id
):
    other = mlflow.ok("experiments/create", name="other")["experiment_id"]
    for place in (
        f"{experiment}/none/artifacts/m",
        f"{other}/{run_id}/artifacts/m",
        f"{experiment}/models/m-1/artifacts",
        f"{experiment}",
    ):
        answer = mlflow.post(
            "model-versions/create", name="m", source=f"mlflow-artifacts:/{place}"
        )
        assert answer.status == 400


@pytest.mark.usefixtures("model")
def test_a_remote_source_is_a_label_that_gives_no_files(mlflow):
    mlflow.ok("model-versions/create", name="m", source="s3://bucket/model")
    version = {"name": "m", "version": "1"}

    uri = mlflow.get("model-versions/get-download-uri", **version).body
    file = mlflow.send(
        "GET", "/model-versions/get-artifact", query={**version, "path": "MLmodel"}
    )

    assert uri == {"artifact_uri": "s3://bucket/model"}
    assert file.status == 404


@pytest.mark.parametrize("location", [*LOCAL, *CLIMBING, "mlflow-artifacts:/mine"])
def test_an_experiment_is_never_kept_at_a_path(mlflow, location):
    answer = mlflow.post("experiments/create", name="study", artifact_location=location)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert not Experiment.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leaves_the_run(mlflow, experiment, run_id, root, path):
    place = f"{experiment}/{run_id}/artifacts"
    mlflow.put(f"{place}/a.txt", b"1")
    addresses = [
        mlflow.get("artifacts/list", run_id=run_id, path=path),
        mlflow.send("GET", "/get-artifact", query={"run_id": run_id, "path": path}),
        mlflow.send("GET", FILES, query={"path": f"{place}/{path}"}),
        *(
            mlflow.file(method, f"{place}/{quote(path)}", b"x")
            for method in ("GET", "PUT", "DELETE")
        ),
    ]

    for answer in addresses:
        assert 400 <= answer.status < 500, (path, answer.body)
    assert [artifact.path for artifact in Artifact.objects.all()] == ["a.txt"]


@pytest.mark.parametrize("path", ["", "/", ".", "a/..", "link", "%2e"])
def test_deleting_nothing_deletes_nothing(mlflow, experiment, run_id, root, path):
    """CVE-2024-1560: an empty path must not be the whole run, twice decoded or not."""
    place = f"{experiment}/{run_id}/artifacts"
    mlflow.put(f"{place}/a.txt", b"1")

    answer = mlflow.file("DELETE", f"{place}/{path}")

    assert 400 <= answer.status < 500
    assert Artifact.objects.count() == 1


def test_a_nul_byte_in_a_path_is_a_mistake(mlflow, experiment, run_id):
    place = f"{experiment}/{run_id}/artifacts"

    assert mlflow.file("GET", f"{place}/a%00.txt").status == 400
    assert mlflow.get("artifacts/list", run_id=run_id, path="a\x00").status == 400


def test_a_file_of_one_run_is_not_reached_through_another(mlflow, experiment, run_id):
    other = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    mlflow.put(f"{experiment}/{run_id}/artifacts/a.txt", b"1")

    assert mlflow.file("GET", f"{experiment}/{other}/artifacts/a.txt").status == 404
    assert mlflow.file("GET", f"9{experiment}/{run_id}/artifacts/a.txt").status == 404


@pytest.mark.parametrize("word", ["\u00b2", "\u0661", "1e3", "9" * 5000, "-1", "None"])
@pytest.mark.usefixtures("model")
def test_an_odd_number_of_a_version_is_no_version(mlflow, word):
    answers = [
        mlflow.post("model-versions/create", name="m", source=f"models:/m/{word}"),
        mlflow.get("model-versions/get", name="m", version=word),
    ]

    assert all(400 <= answer.status < 500 for answer in answers)
    assert not ModelVersion.objects.exists()
