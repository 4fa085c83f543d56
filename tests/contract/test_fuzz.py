"""Schemathesis over the whole document: no crash, nothing that it does not say."""

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from urllib.request import urlopen

import pytest

from datasets.models import UploadSession
from mlops.core.models import ApiToken, User
from mlops.core.schema.walk import operations
from tests.contract import world
from tests.contract.shapes import SHAPES

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("fuzz_hooks.py")
# Signing out has nothing to be fuzzed; events do not end; the chunks of an upload
# are of a media type that the tool cannot write. `test_own_fuzz` has cases of them.
LEFT_OUT = ("authLogout", "streamDeployment", "appendUpload")
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "5")
# These end what the others look at.
ENDING = (
    *("deleteDataset", "deleteFeature", "deleteQualityRule", "deleteUpload"),
    *("purgeDatasetVersion", "revokeApiToken", "revokeDeploymentKey"),
    *("terminateDeployment", "updateDeploymentStatus", "updateRun", "deleteWebhook"),
)
REPORT, ENDED = "cases.ndjson", "ScenarioFinished"
PATIENCE_S = "60"
"""A version of a dataset is read by a process of its own, beside other work."""
CASES_EACH = 40
"""The fewest cases of an operation, on average: over 5,000 for the document."""
LOOKING = (
    "(associations|cell|checks|compare|correlation|diff|drift|drift-reports|events"
    "|facets|groups|lineage|rows|sample|schema|search|statistics)"
)
PARTS = {
    "accounts": "^/api/v1/(auth|audit|users|lineage)",
    "features": "^/api/v1/features(?!/datasets)",
    "datasets": f"^/api/v1/(ml/)?features/datasets(?!/.*/{LOOKING})",
    "rows": f"^/api/v1/features/datasets/.*/{LOOKING}",
    "deployments": "^/api/v1/ml/lifecycle/deployments",
    "runs": "^/api/v1/ml/lifecycle/(runs|curves|drift-events|experiments)",
    "models": "^/api/v1/ml/lifecycle/(models|logged-models|instance-types)",
    "webhooks": "^/api/v1/webhooks",
}


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
        "webhook_id": made["webhook"],
        "delivery_id": made["delivery"],
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
            *("--request-timeout", PATIENCE_S),
            *("--phases", "examples,coverage,fuzzing", *excluded, *options),
            *("--report", "ndjson", "--report-ndjson-path", REPORT),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONWARNINGS": "ignore",
            "SCHEMATHESIS_HOOKS": str(HOOKS),
        },
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


def cases(tmp_path):
    """Return how many requests were sent, and to how many operations."""
    lines = (tmp_path / REPORT).read_text().splitlines()
    ended = [one[ENDED] for one in map(json.loads, lines) if ENDED in one]
    sent = [one["recorder"] for one in ended]
    count = sum(len(one.get("interactions") or ()) for one in sent)
    return count, len({one["label"] for one in sent})


def test_every_operation_is_of_one_part():
    for path, _method, _operation in operations(SHAPES.document):
        parts = [name for name, form in PARTS.items() if re.search(form, path)]
        assert len(parts) == 1, (path, parts)


@pytest.mark.parametrize("part", PARTS)
def test_no_case_breaks_the_document_where_all_is_there(address, made, tmp_path, part):
    user = User.objects.create_superuser("fuzz")
    _, text = ApiToken.issue(user, "fuzz")
    made["upload"] = str(UploadSession.begin("a.csv", 3, by=user).pk)

    result = fuzz(
        address,
        tmp_path,
        *("--header", f"Authorization: Bearer {text}"),
        *("--include-path-regex", PARTS[part]),
        config=config_of(made, tmp_path),
        left_out=(*LEFT_OUT, *ENDING),
    )

    assert result.returncode == 0, result.stdout[-20_000:]
    count, of = cases(tmp_path)
    assert count >= CASES_EACH * of > 0


def test_no_case_breaks_the_document_for_a_stranger(address, tmp_path):
    result = fuzz(address, tmp_path)

    assert result.returncode == 0, result.stdout[-20_000:]
