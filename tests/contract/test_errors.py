"""One error shape everywhere: problem+json, `detail` a string, a stable `code`."""

import re

import pytest
from django.test import Client
from django.urls import path

from mlops.urls import handler400, handler403, handler404, handler500
from tests.contract.shapes import SHAPES
from tests.datasets.factories import FeatureFactory

__all__ = ["handler400", "handler403", "handler404", "handler500"]

pytestmark = pytest.mark.django_db

KEYS = {"type", "title", "status", "detail", "code", "errors", "request_id"}


def crash(request):
    raise RuntimeError("a secret of the inside")


urlpatterns = [path("api/v1/crash", crash)]


def is_problem(answer, status):
    body = answer.json()
    return (
        answer.status_code == body["status"] == status
        and answer["Content-Type"] == "application/problem+json"
        and set(body) >= KEYS
        and isinstance(body["detail"], str)
        and isinstance(body["code"], str)
        and all(set(error) == {"loc", "msg", "type"} for error in body["errors"])
    )


@pytest.mark.parametrize(
    "url", ["/nothing", "/api/v1/nothing", "/api/nothing/", "/api/v1/"]
)
def test_unknown_url_is_404(client, url):
    assert is_problem(client.get(url), 404)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_method_that_is_not_there_is_405_and_allow_says_which_are(api, method):
    client = api("admin")

    answer = client.generic(method.upper(), "/api/v1/users/me")

    assert is_problem(answer, 405)
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize("name", ["x", "00000000-0000-4000-8000-000000000000"])
def test_no_address_takes_a_method_that_the_document_has_not(api, name):
    client, others = api("admin"), ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
    for address, methods in SHAPES.document["paths"].items():
        known = {method.upper() for method in methods}
        for method in set(others) - known:
            answer = client.generic(method, re.sub(r"\{[^}]*\}", name, address))

            assert answer.status_code == 405, (method, address)
            assert known <= set(answer["Allow"].split(", ")), (method, address)


@pytest.mark.parametrize(
    ("query", "accept"),
    [("?format=csv", "*/*"), ("?format=xyz", "*/*"), ("", "text/csv"), ("", "x/y")],
)
def test_no_wish_for_a_format_hides_that_a_method_is_not_there(
    api, settings, query, accept
):
    settings.ANALYTICS_RATE = settings.WRITE_RATE = 0
    client, others = api("admin"), ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
    for address, methods in SHAPES.document["paths"].items():
        known = {method.upper() for method in methods}
        for method in set(others) - known:
            path = re.sub(r"\{[^}]*\}", "x", address) + query
            answer = client.generic(method, path, HTTP_ACCEPT=accept)

            assert is_problem(answer, 405), (method, address)
            assert known <= set(answer["Allow"].split(", ")), (method, address)


def test_form_of_too_many_parts_is_413(api):
    body = {f"field-{number}": "x" for number in range(1_001)}

    answer = api("admin").post("/api/v1/features/datasets", body, format="multipart")

    assert is_problem(answer, 413)
    assert answer.json()["code"] == "too_large"


def test_query_of_too_many_parameters_is_400(api):
    query = "&".join(["state=ready"] * 1_001)

    answer = api("admin").get(f"/api/v1/features/datasets?{query}")

    assert is_problem(answer, 400)


def test_caller_who_is_not_signed_in_gets_401(client):
    assert is_problem(client.get("/api/v1/users/me"), 401)


def test_caller_without_a_role_gets_403(api):
    assert is_problem(api("nobody").get("/api/v1/audit"), 403)


def test_bad_query_is_400_and_names_the_parameter(api):
    answer = api("admin").get("/api/v1/audit?page=x")

    assert is_problem(answer, 400)
    assert answer.json()["errors"][0]["loc"] == ["query", "page"]


@pytest.mark.parametrize(
    ("url", "loc"),
    [
        ("ml/lifecycle/experiments/nothing", ["path", "name"]),
        ("ml/lifecycle/models/nothing/1", ["path", "version"]),
        ("ml/lifecycle/runs?statuses=nothing", ["query", "statuses"]),
        ("features/datasets?state=nothing", ["query", "state"]),
        ("lineage?of=run:nothing", ["query", "of"]),
    ],
)
def test_refusal_says_where_the_field_at_fault_is(api, url, loc):
    answer = api("viewer").get(f"/api/v1/{url}")

    assert answer.json()["errors"][0]["loc"] == loc


def test_address_of_a_write_is_where_its_field_at_fault_is(api):
    answer = api("admin").patch("/api/v1/ml/lifecycle/experiments/nothing", {})

    assert answer.json()["errors"][0]["loc"] == ["path", "name"]


@pytest.mark.parametrize("target", ["1.0.0", "9"])
def test_query_of_a_post_is_where_its_field_at_fault_is(api, target):
    FeatureFactory(feature_name="age")

    answer = api("admin").post(f"/api/v1/features/age/rollback?target_version={target}")

    assert answer.json()["errors"][0]["loc"] == ["query", "target_version"]


def test_version_that_a_body_names_is_where_it_stands_in_the_body(api):
    FeatureFactory(feature_name="age")
    use = {"feature_name": "age", "feature_version": "9", "used_by_model": "m"}
    use |= {"model_version": "1", "environment": "staging"}

    answer = api("admin").post("/api/v1/features/usage", use)

    assert answer.json()["errors"][0]["loc"] == ["body", "feature_version"]


def test_malformed_json_is_400(api):
    answer = api("viewer").generic(
        "POST", "/api/v1/auth/tokens", "{", content_type="application/json"
    )

    assert is_problem(answer, 400)


def test_invalid_body_is_422_and_names_every_field(api):
    answer = api("viewer").post("/api/v1/auth/tokens", {"scopes": ["x", "y"], "z": 1})

    assert is_problem(answer, 422)
    assert answer.json()["detail"].startswith("z: ")


def test_of_very_many_fields_at_fault_fifty_are_listed_and_all_counted(api):
    body = {f"k{number}": 0 for number in range(1000)} | {"name": "cli"}

    answer = api("viewer").post("/api/v1/auth/tokens", body)

    assert is_problem(answer, 422)
    assert len(answer.json()["errors"]) == 50
    assert answer.json()["detail"] == "k0: This field is not known here. (and 999 more)"


def test_nested_field_is_named_with_its_place(api):
    answer = api("viewer").post(
        "/api/v1/auth/tokens", {"name": "a", "scopes": ["read", "x"]}
    )

    assert answer.json()["errors"][0]["loc"] == ["body", "scopes", 1]


def test_answer_in_another_form_is_406(api):
    assert is_problem(
        api("viewer").get("/api/v1/users/me", HTTP_ACCEPT="text/html"), 406
    )


@pytest.mark.urls(__name__)
def test_crash_is_500_without_a_word_of_its_inside():
    client = Client(raise_request_exception=False)

    answer = client.get("/api/v1/crash")

    assert is_problem(answer, 500)
    assert "secret" not in answer.content.decode()


def test_errors_speak_korean_and_codes_do_not(api):
    answer = api("viewer").post("/api/v1/auth/tokens", {}, HTTP_ACCEPT_LANGUAGE="ko")

    error = answer.json()["errors"][0]
    assert error["msg"] == "이 필드는 필수 항목입니다."
    assert error["type"] == "required"
