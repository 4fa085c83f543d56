"""Bodies for operations that Schemathesis does not get past their first check.

What they need is in the world: a file to read, requests to compare, a version to
deploy. Each case gives some fields, each out of values that fit and values that do not.
"""

import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from datasets.models import Dataset, DatasetVersion
from deployments.models import Deployment, DriftCheck
from tests.contract import circumstances, exchanges
from tests.contract.shapes import SHAPES
from tests.contract.test_permissions import let_go
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
CASES = 200
COMMON = 0.6
ODD = [None, "", 0, -1, 1.5, True, [], {}, "x", "a\0b", "9" * 300]
WHOLE = [1, 2, 3, 100, 10**9, 2**63, "1"]
CONFIG = {
    "instances": WHOLE,
    "instance_type": ["standard", "mainframe", "x" * 51],
    "auto_scaling": [True, False, "yes"],
    "min_instances": WHOLE,
    "max_instances": WHOLE,
    "timeout_s": [1, 600, 601],
    "max_concurrency": [1, 1_000, 1_001],
    "max_body_bytes": [1_024, 1_023, 2**40],
    "gpus": [1],
}
STRATEGY = {
    "type": ["all_at_once", "canary", "shadow", "rainbow"],
    "steps": [[10], [10, 50], [50, 10], [0], [100], [], "10"],
    "seconds_per_step": [1, 60, 10**9],
    "sticky_by": ["request", "key", "header", "cookie"],
    "sticky_header": ["X-User", "", "x" * 65, "a b"],
}
READING = {
    "encoding": ["utf-8", "cp949", "x-y", ""],
    "delimiter": [",", ";", ",,", ""],
    "has_header": [True, False, "perhaps"],
    "header_row": [1, 2, 0, 1_001],
    "names": [["p", "q"], ["p"], [], "p"],
    "skip_lines": [0, 1, -1],
    "null_values": [["?"], ["1"], "?"],
    "decimal": [",", ".", "x"],
    "types": [{"x": "VARCHAR"}, {"z": "BIGINT"}, {"x": "SPOON"}, []],
    "sheet": ["one", ""],
    "color": [1],
}
STATEMENTS = [
    "SELECT * FROM data ORDER BY ALL",
    "SELECT x FROM data ORDER BY x",
    "SELECT 1 AS a",
    "SELECT * FROM data",
    "SELECT * FROM nothing",
    "SELECT",
    "DROP TABLE data",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT 1 AS a, 2 AS a ORDER BY ALL",
    "",
    " ",
]

NEW_DATASET = {
    "name": ["fresh", " fresh ", "가격", "prices", "a/b", "..", "x" * 201],
    "description": ["what it is", "", "x" * 100_001],
    "upload_id": ["nothing"],
    "connection": ["nothing"],
    "path": ["a.csv"],
    "color": ["red"],
}

FILES = (b"x,y\n1,2\n", b"x;y\n1;2\n", b'{"x": 1}', b"")


@dataclass(frozen=True)
class Driven:
    """An operation, what its fields are given, and what a 201 adds a row to."""

    fields: dict[str, Any]
    rows: Callable[[], int]
    always: tuple[str, ...] = ()


BODIES = {
    "createDeployment": Driven(
        {
            "model_name": ["churn", "nothing"],
            "model_version": ["1", "2", "9"],
            "model_id": ["churn:1", "churn/2", "nothing:1"],
            "environment": ["development", "staging", "moon"],
            "endpoint_config": CONFIG,
            "strategy": STRATEGY,
            "deployment_notes": ["why", "x" * 10_001],
            "created_by": ["me"],
        },
        Deployment.objects.count,
        ("model_name", "model_version", "environment"),
    ),
    "deployModel": Driven(
        {
            "model_id": ["churn:1", "churn/2", "nothing:1"],
            "environment": ["development", "staging", "moon"],
            "endpoint_config": CONFIG,
            "strategy": STRATEGY,
        },
        Deployment.objects.count,
        ("model_id", "environment"),
    ),
    "checkDeploymentDrift": Driven(
        {
            "window_s": [60, 3_600, 59, 7_776_001],
            "dataset_name": ["prices", "nothing"],
            "dataset_version": ["1", "2", "latest", "9"],
            "columns": [["x"], ["x", "y"], ["z"], [""], "x"],
        },
        DriftCheck.objects.count,
        ("dataset_name",),
    ),
    "createDatasetVersionOfAnswer": Driven(
        {
            "sql": STATEMENTS,
            "version": ["1", "2", "latest", "9"],
            "tables": [{"other": {"dataset": "prices"}}, {"a b": {}}, {"other": {}}],
        },
        DatasetVersion.objects.count,
        ("sql",),
    ),
    "createDataset": Driven({}, Dataset.objects.count),
    "retryDatasetVersion": Driven(
        {"options": READING}, DatasetVersion.objects.count, ("options",)
    ),
}


@pytest.fixture
def chance():
    return random.Random(31)  # noqa: S311 - the same cases each time


@pytest.fixture
def world(person, data_dir, settings, monkeypatch):
    settings.WRITE_RATE = settings.ANALYTICS_RATE = 0
    settings.KEEP_UPLOADS = "all"
    allow_slow_conversion(monkeypatch)
    return build(person("admin"))


def drawn(chance, fields, always=()):
    """Return an object with some of the fields; one in ten has a value of no sense."""
    found = {}
    for name, values in fields.items():
        share = 0.95 if name in always else COMMON / len(fields) * 2
        if chance.random() > share:
            continue
        if chance.random() < 0.05:
            found[name] = chance.choice(ODD)
        elif isinstance(values, dict):
            found[name] = drawn(chance, values)
        else:
            found[name] = chance.choice(values)
    return found


def answered(client, operation_id, world, send):
    """Return the answer in an untouched world, and how many rows came of it."""
    mark = transaction.savepoint()
    circumstances.NEEDED.get(operation_id, lambda _world: None)(world)
    rows = BODIES[operation_id].rows if operation_id in BODIES else int
    before = rows()
    answer = send()
    let_go(answer)
    grown = rows() - before
    transaction.savepoint_rollback(mark)
    return answer, grown


@pytest.mark.parametrize(
    "operation_id",
    [
        "createDeployment",
        "deployModel",
        "checkDeploymentDrift",
        "createDatasetVersionOfAnswer",
        "retryDatasetVersion",
    ],
)
def test_body_that_fits_is_acted_upon_or_refused_by_a_rule(
    api, world, chance, operation_id
):
    driven, client = BODIES[operation_id], api("admin")
    method, path, operation = exchanges.template_of(operation_id)
    names = {"deployment_id": world["deployment"], "dataset_id": world["dataset"]}
    address = path.format(**names, label="2")
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    succeeded = 0
    for _ in range(CASES):
        body = drawn(chance, driven.fields, driven.always)

        answer, grown = answered(
            client,
            operation_id,
            world,
            partial(getattr(client, method), address, body, format="json"),
        )

        case = (body, answer.status_code, answer.content)
        assert str(answer.status_code) in operation["responses"], case
        fits = not SHAPES.faults(schema, body)
        refusals = {404, 409, 413, 422} if fits else {400, 422}
        assert answer.status_code in ({200, 201} if fits else set()) | refusals, case
        assert grown == (answer.status_code == 201), case
        succeeded += answer.status_code < 300
    assert succeeded > 0


def refused_by_rule(form):
    """Whether a form of the right shape says where its rows come from not just once."""
    ways = ["file" in form, "upload_id" in form, "connection" in form, "path" in form]
    return ways != [True, False, False, False]


def test_dataset_is_made_of_a_file_or_refused_and_nothing_is_left(api, world, chance):
    method, address, operation = exchanges.template_of("createDataset")
    schema = {"$ref": "#/components/schemas/DatasetCreate"}
    client, made = api("admin"), 0
    for _ in range(CASES):
        options = drawn(chance, READING)
        form = {
            **drawn_form(chance, NEW_DATASET, ("name",)),
            "options": json.dumps(options),
        }
        body = {**form, "options": options}
        if chance.random() < 0.9:
            form["file"] = io.BytesIO(chance.choice([*FILES, *FILES[:1] * 4]))
            body["file"] = ["x"]

        answer, grown = answered(
            client,
            "createDataset",
            world,
            partial(getattr(client, method), address, form, format="multipart"),
        )

        case = (form, answer.status_code, answer.content)
        assert str(answer.status_code) in operation["responses"], case
        fits = not SHAPES.faults(schema, body) and not refused_by_rule(form)
        refusals = {404, 409, 413, 415, 422} if fits else {400, 404, 409, 422}
        assert answer.status_code in ({201} if fits else set()) | refusals, case
        assert grown == (answer.status_code == 201), case
        made += answer.status_code == 201
    assert made > 0


def drawn_form(chance, fields, always):
    """Return texts for some of the fields; a form has no other values."""
    found = drawn(chance, fields, always)
    return {
        name: value if isinstance(value, str | list) else json.dumps(value)
        for name, value in found.items()
        if value != []
    }


def test_preview_shows_a_file_or_says_why_not_and_keeps_nothing(api, world, chance):
    method, address, operation = exchanges.template_of("previewDataset")
    options_schema = {"$ref": "#/components/schemas/ReadingOptions"}
    client, shown = api("admin"), 0
    before = Dataset.objects.count(), DatasetVersion.objects.count()
    for _ in range(CASES):
        options = drawn(chance, READING)
        files = [chance.randbytes(40), b"", b"x,y\n1,2\n", b"x,y\n1,2\n", b'{"x": 1}']
        form = {
            "file": io.BytesIO(chance.choice(files)),
            "options": json.dumps(options),
        }
        if chance.random() < 0.1:
            form.pop("file")

        answer = getattr(client, method)(address, form, format="multipart")

        case = (options, answer.status_code, answer.content)
        assert str(answer.status_code) in operation["responses"], case
        fits = "file" in form and not SHAPES.faults(options_schema, options)
        assert answer.status_code in ({200, 413, 415, 422} if fits else {400, 422}), (
            case
        )
        shown += answer.status_code == 200
    assert shown > 0
    assert (Dataset.objects.count(), DatasetVersion.objects.count()) == before
