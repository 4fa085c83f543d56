"""Schemathesis over the whole document: no crash, nothing that it does not say."""

import os
import subprocess
import sysconfig
from pathlib import Path
from urllib.request import urlopen

import pytest

from mlops.core.models import ApiToken, User
from tests.contract import world

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

CONFIG = Path(__file__).with_name("schemathesis.toml")
# Signing out has nothing to be fuzzed; events do not end; the chunks of an upload
# are of a media type that the tool cannot write. `test_own_fuzz` has cases of them.
LEFT_OUT = ("authLogout", "streamDeployment", "appendUpload")
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "5")
# These end what the others look at.
ENDING = (
    *("deleteDataset", "deleteFeature", "deleteQualityRule", "deleteUpload"),
    *("purgeDatasetVersion", "revokeApiToken", "revokeDeploymentKey"),
    *("terminateDeployment", "updateDeploymentStatus", "updateRun"),
)


@pytest.fixture
def address(live_server, settings):
    settings.WRITE_RATE = settings.ANALYTICS_RATE = 0
    settings.SIGN_IN_RATE = 10_000
    address = f"{live_server.url}/api/schema/?format=json"
    # It is made once, and the tool waits ten seconds for it.
    urlopen(address).close()  # noqa: S310 - our own server
    return address


@pytest.fixture
def made(data_dir):
    """One of everything, by what its paths name; the caller's token stands apart."""
    return world.build(User.objects.create_superuser("owner"))


def config_of(made, tmp_path):
    """Return a file that also names what is there in the paths of all operations."""
    named = {
        "dataset_id": made["dataset"],
        "rule_id": made["rule"],
        "label": "1",
        "run_id": made["run"],
        "key": made["metric"],
        "deployment_id": made["deployment"],
        "check_id": made["drift_check"],
        "key_id": made["key"],
        "upload_id": made["upload"],
        "feature_name": "age",
        "model_name": "churn",
        "version": "1",
        "name": made["experiment"],
        "id": made["token"],
    }
    lines = ["[parameters]"]
    lines += [f'"path.{name}" = "{value}"' for name, value in named.items()]
    lines += [CONFIG.read_text()]
    for kind, home, file in (
        ("Run", "", made["artifact"]),
        ("LoggedModel", made["logged_model"], "MLmodel"),
    ):
        names = [f"download{kind}Artifact", f"preview{kind}Artifact"]
        lines += ["[[operations]]", f"include-operation-id = {names}"]
        lines += ["[operations.parameters]", f'"path.path" = "{file}"']
        lines += [f'"path.model_id" = "{home}"'] if home else []
    for name, home in (
        ("getModel", made["model_id"]),
        ("listLoggedModelArtifacts", made["logged_model"]),
    ):
        lines += ["[[operations]]", f'include-operation-id = "{name}"']
        lines += ["[operations.parameters]", f'"path.model_id" = "{home}"']
    config = tmp_path / "schemathesis.toml"
    config.write_text("\n".join(lines))
    return config


def fuzz(address, tmp_path, *options, config=CONFIG, left_out=LEFT_OUT):
    program = Path(sysconfig.get_path("scripts")) / "schemathesis"
    excluded = [part for one in left_out for part in ("--exclude-operation-id", one)]
    return subprocess.run(
        [
            *(program, "--config-file", config, "run", address, "--checks", "all"),
            *("--max-examples", EXAMPLES, "--continue-on-failure", "--no-color"),
            *("--phases", "examples,coverage,fuzzing", *excluded, *options),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )


def test_no_case_breaks_the_document_for_a_signed_in_caller(address, tmp_path):
    user = User.objects.create_superuser("fuzz")
    _, text = ApiToken.issue(user, "fuzz")

    result = fuzz(address, tmp_path, "--header", f"Authorization: Bearer {text}")

    assert result.returncode == 0, result.stdout[-20_000:]


def test_no_case_breaks_the_document_where_all_is_there(address, made, tmp_path):
    user = User.objects.create_superuser("fuzz")
    _, text = ApiToken.issue(user, "fuzz")

    result = fuzz(
        address,
        tmp_path,
        *("--header", f"Authorization: Bearer {text}"),
        config=config_of(made, tmp_path),
        left_out=(*LEFT_OUT, *ENDING),
    )

    assert result.returncode == 0, result.stdout[-20_000:]


def test_no_case_breaks_the_document_for_a_stranger(address, tmp_path):
    result = fuzz(address, tmp_path)

    assert result.returncode == 0, result.stdout[-20_000:]
