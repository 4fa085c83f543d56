"""Cases for the operations that Schemathesis cannot drive, at least 200 of each.

An upload's chunks are of a media type that it does not write, a stream of events does
not end by itself, signing out has no answer but one, and what steers a canary or ends a
reading has nothing to act on unless somebody sees to it before each case.
"""

import random
import re
import string
from urllib.parse import urlencode

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from mlops.core import headers
from mlops.core.schema.walk import operations
from tests.contract import circumstances, exchanges
from tests.contract.shapes import SHAPES
from tests.contract.test_permissions import let_go
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion
from tests.deployments.factories import DeploymentFactory

pytestmark = pytest.mark.django_db
CASES = 200
CHUNK = "application/offset+octet-stream"
SIZE = 5_000
UPLOADS = "/api/v1/features/uploads"
DEPLOYMENTS = "/api/v1/ml/lifecycle/deployments"
LOGOUT = "/api/v1/auth/logout"
TEXTS = ["", "0", "-1", "1.5", "00", "x", "1 ", "\xb2", "9" * 30, "null", "0-0-0"]


@pytest.fixture
def chance():
    return random.Random(13)  # noqa: S311 - the same cases each time


@pytest.fixture
def admin(api, data_dir, settings):
    settings.WRITE_RATE = 0
    return api("admin")


def documented(operation_id):
    """Return the statuses that an operation documents."""
    for _path, _method, operation in operations(SHAPES.document):
        if operation["operationId"] == operation_id:
            return {int(status) for status in operation["responses"]}
    raise LookupError(operation_id)


def any_text(chance):
    if chance.random() < 0.5:
        return chance.choice(TEXTS)
    letters = string.ascii_letters + string.digits + "-_.,;=\"' "
    return "".join(chance.choices(letters, k=chance.randrange(40)))


def test_chunks_of_an_upload_fit_on_or_change_nothing(admin, chance):
    allowed = documented("appendUpload")
    body = {"name": "a.csv", "size_bytes": SIZE}
    address = f"{UPLOADS}/{admin.post(UPLOADS, body).json()['id']}"
    offset = 0
    for _ in range(CASES):
        at = chance.choice([str(offset), str(chance.randrange(SIZE)), any_text(chance)])
        kind = chance.choice([CHUNK, CHUNK, CHUNK, "text/plain", "application/json"])
        chunk = chance.randbytes(chance.choice([0, 1, 40, SIZE]))

        answer = admin.generic(
            "PATCH", address, chunk, content_type=kind, HTTP_UPLOAD_OFFSET=at
        )

        is_chunk = kind == CHUNK or not chunk  # what is not there has no type
        fits = at.isascii() and at.isdigit() and int(at) == offset
        fits = fits and is_chunk and offset + len(chunk) <= SIZE
        assert answer.status_code in allowed, answer.content
        assert (answer.status_code == 200) == fits, (at, kind, len(chunk))
        offset += len(chunk) if fits else 0
        assert admin.get(address).json()["offset"] == offset
    assert offset > 0


def test_streams_of_what_has_ended_end_and_refuse_what_the_document_forbids(
    admin, chance
):
    allowed = documented("streamDeployment")
    address = f"{DEPLOYMENTS}/{DeploymentFactory(status='terminated').pk}/stream"
    known = re.compile(headers.LAST_EVENT_ID.schema["pattern"])
    for _ in range(CASES):
        last = chance.choice(["", "1", "7-3-2", any_text(chance)])
        seconds = chance.choice(["1", "60", any_text(chance)])
        sent = {"HTTP_LAST_EVENT_ID": last} if last else {}

        answer = admin.get(address, {"seconds": seconds}, **sent)

        text = b"".join(answer.streaming_content) if answer.streaming else b""
        is_whole = seconds.isascii() and seconds.isdigit()
        fits = is_whole and 1 <= int(seconds) <= 60
        fits = fits and (not last or known.search(last) is not None)
        assert answer.status_code in allowed
        assert (answer.status_code == 200) == fits, (last, seconds, answer.status_code)
        assert not fits or text.rstrip().split(b"\n\n")[-1].count(b"event: end")


def test_signing_out_is_204_whatever_it_is_sent(chance):
    for _ in range(CASES):
        client = APIClient()
        client.cookies["refresh_token"] = any_text(chance)

        answer = client.generic(
            "POST",
            f"{LOGOUT}?{any_text(chance)}",
            chance.randbytes(chance.randrange(100)),
            content_type=chance.choice(["application/json", "text/plain", CHUNK]),
            HTTP_X_REFRESH_TOKEN=any_text(chance),
            HTTP_AUTHORIZATION=any_text(chance),
        )

        assert (answer.status_code, answer.content) == (204, b"")


@pytest.fixture
def world(person, data_dir, monkeypatch):
    allow_slow_conversion(monkeypatch)
    return build(person("admin"))


def any_body(chance):
    """Return what a reason may be, and much that it may not."""
    return chance.choice(
        [
            {},
            {"reason": any_text(chance)},
            {"reason": "x" * chance.choice([10_000, 10_001])},
            {"reason": chance.choice([None, 5, [], {}, True, "a\0b"])},
            {any_text(chance): any_text(chance)},
            [any_text(chance)],
            any_text(chance),
        ]
    )


def asked(client, operation_id, world, chance):
    """Send one case in the circumstances that it needs; return whether it fits."""
    method, path, operation = exchanges.template_of(operation_id)
    names = {"deployment_id": "deployment", "dataset_id": "dataset"}
    names = {name: world[key] for name, key in names.items()}
    address = path.format(**names, label="1", feature_name="age")
    fits, body = True, None
    if operation_id == "rollbackVersion":
        version = chance.choice(["1.0.0", "1.1.0", "9.9.9", any_text(chance)])
        address += f"?{urlencode({'target_version': version})}"
        fits = version == "1.0.0"
    if "requestBody" in operation:
        body = any_body(chance)
        (content,) = operation["requestBody"]["content"].values()
        fits = not SHAPES.faults(content["schema"], body)
    mark = transaction.savepoint()
    circumstances.ACTED_UPON[operation_id](world)
    answer = getattr(client, method)(address, body, format="json")
    let_go(answer)
    transaction.savepoint_rollback(mark)
    return answer, fits, (address, body)


@pytest.mark.parametrize("operation_id", circumstances.ACTED_UPON)
def test_what_needs_circumstances_does_what_fits_and_refuses_the_rest(
    admin, world, chance, operation_id
):
    allowed = documented(operation_id)
    for _ in range(CASES):
        answer, fits, case = asked(admin, operation_id, world, chance)

        assert answer.status_code in allowed, (case, answer.content)
        assert (answer.status_code == 200) == fits, (case, answer.content)
