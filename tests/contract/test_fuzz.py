"""Schemathesis over the whole document: no crash, nothing that it does not say."""

import os
import subprocess
import sysconfig
from pathlib import Path
from urllib.request import urlopen

import pytest

from mlops.core.models import ApiToken, User

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

CONFIG = Path(__file__).with_name("schemathesis.toml")
# Signing out has nothing to be fuzzed; events do not end; the chunks of an upload
# are of a media type that the tool cannot write. `test_own_fuzz` has cases of them.
LEFT_OUT = ("authLogout", "streamDeployment", "appendUpload")
EXAMPLES = "5"


@pytest.fixture
def address(live_server, settings):
    settings.WRITE_RATE = settings.ANALYTICS_RATE = 0
    settings.SIGN_IN_RATE = 10_000
    address = f"{live_server.url}/api/schema/?format=json"
    # It is made once, and the tool waits ten seconds for it.
    urlopen(address).close()  # noqa: S310 - our own server
    return address


def fuzz(address, tmp_path, *options):
    program = Path(sysconfig.get_path("scripts")) / "schemathesis"
    left_out = [part for one in LEFT_OUT for part in ("--exclude-operation-id", one)]
    return subprocess.run(
        [
            *(program, "--config-file", CONFIG, "run", address, "--checks", "all"),
            *("--max-examples", EXAMPLES, "--continue-on-failure", "--no-color"),
            *("--phases", "examples,coverage,fuzzing", *left_out, *options),
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


def test_no_case_breaks_the_document_for_a_stranger(address, tmp_path):
    result = fuzz(address, tmp_path)

    assert result.returncode == 0, result.stdout[-20_000:]
