"""A parameter that the document has as one value is given once, or refused."""

import json

import pytest
from django.conf import settings

from tests.contract.world import build

DOCUMENT = json.loads((settings.BASE_DIR / "docs" / "openapi.json").read_text())
SINGLE = sorted(
    (path, parameter["name"])
    for path, operations in DOCUMENT["paths"].items()
    for parameter in operations.get("get", {}).get("parameters", [])
    if parameter.get("in") == "query" and parameter["schema"].get("type") != "array"
)


@pytest.fixture
def places(person, data_dir):
    made = build(person("admin"))
    return {
        "logged_model": made["logged_model"],
        "check_id": made["drift_check"],
        "dataset_id": made["dataset"],
        "deployment_id": made["deployment"],
        "delivery_id": made["delivery"],
        "feature_name": "age",
        "key": made["metric"],
        "label": "1",
        "model_id": made["model_id"],
        "model_name": "churn",
        "name": made["experiment"],
        "path": made["artifact"],
        "rule_id": made["rule"],
        "run_id": made["run"],
        "upload_id": made["upload"],
        "version": "1",
        "webhook_id": made["webhook"],
    }


def test_the_document_has_such_parameters():
    assert len(SINGLE) > 100


def test_one_value_given_twice_is_refused_wherever_the_document_has_one(api, places):
    client, taken = api("admin"), []

    for path, name in SINGLE:
        place = path.replace("logged-models/{model_id}", "logged-models/{logged_model}")
        answer = client.get(f"{place.format_map(places)}?{name}=1&{name}=2")
        if answer.status_code != 400 or answer.json()["code"] != "repeated_field":
            taken.append((path, name, answer.status_code))

    assert not taken, "\n".join(map(str, taken))


def test_the_refusal_names_the_parameter(api, db):
    answer = api("viewer").get(
        "/api/v1/ml/lifecycle/deployments?status=active&status=failed"
    )

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {
            "loc": ["query", "status"],
            "msg": "Give the field 'status' once.",
            "type": "repeated_field",
        }
    ]


def test_a_list_of_values_may_still_be_given_one_by_one(api, db):
    url = "/api/v1/ml/lifecycle/runs?statuses=running&statuses=failed"

    assert api("viewer").get(url).status_code == 200
