"""Who may send requests, and which answers the gateway gives itself."""

import hashlib
import json

import pytest

from tests.deployments.gateway.process import DIGEST, answers, publish, reply, route
from tests.deployments.targets.waiting import until


def test_an_answer_names_deployment_and_version(gateway, slot):
    here = slot(version="v 1/ü")

    status, _, headers = gateway.post(here.infer, {})

    assert status == 200
    assert headers["X-Deployment-Id"] == here.id
    assert headers["X-Model-Version"] == "v%201%2F%C3%BC"


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_a_key_nobody_gets_in(gateway, slot, key):
    here = slot()

    status, body, headers = gateway.post(here.infer, {}, key=key)

    assert status == 401
    assert body.keys() == {"error"}
    assert headers["WWW-Authenticate"] == "Bearer"
    assert here.servers[0].requests == []


def test_a_key_opens_its_own_slot_only(gateway, slot, data_dir):
    here, other = slot(), slot()
    theirs = hashlib.sha256(b"theirs").hexdigest()
    route(data_dir, other.model, {"deployment_id": other.id}, keys=[theirs])
    until(lambda: gateway.post(other.infer, {})[0] == 401)

    assert gateway.post(other.infer, {}, key="theirs")[0] == 200
    assert gateway.post(here.infer, {}, key="theirs")[0] == 401


def test_a_token_that_may_predict_opens_every_slot_until_it_is_revoked(
    gateway, slot, keys
):
    here = slot()
    digest = hashlib.sha256(b"token").hexdigest()
    assert gateway.post(here.infer, {}, key="token")[0] == 401

    keys(digest)
    until(lambda: gateway.post(here.infer, {}, key="token")[0] == 200)

    keys()
    until(lambda: gateway.post(here.infer, {}, key="token")[0] == 401)


def test_open_mode_lets_everybody_in(gateway, slot, keys):
    here = slot()

    keys(is_open=True)
    until(lambda: gateway.post(here.infer, {}, key=None)[0] == 200)

    keys()
    until(lambda: gateway.post(here.infer, {}, key=None)[0] == 401)


def test_the_bare_address_says_where_models_are(gateway):
    status, body, _ = gateway.get("/")

    assert (status, body["models"]) == (200, "/serving/{environment}/{model}/v2")


@pytest.mark.parametrize("path", ["/serving/", "/serving/x", "/serving//x/", "/x"])
def test_a_path_that_names_nothing_is_404(gateway, path):
    status, body, _ = gateway.get(path)

    assert (status, body.keys()) == (404, {"error"})


def test_an_unknown_model_is_404_for_who_may_know(gateway, keys):
    keys(DIGEST)

    until(lambda: gateway.post("/serving/staging/nothing", {})[0] == 404)
    assert gateway.post("/serving/staging/nothing", {}, key="wrong")[0] == 401


def test_other_methods_are_405(gateway, slot):
    assert gateway.call("DELETE", slot().infer)[0] == 405


def test_a_body_over_the_limit_is_413(data_dir, gateway, slot):
    here = slot()

    status, body, _ = gateway.post(here.infer, b"x" * ((16 << 20) + 1))

    assert status == 413
    assert "16777216" in body["error"]


def test_paths_go_on_as_they_were_below_the_slot(gateway, slot):
    here = slot()

    gateway.get(f"{here.base}/v2/models/{here.model}/versions/1/ready")
    gateway.get(f"/serving/_d/{here.id}/v2/health/live")
    gateway.post(here.base, {"instances": [1]})
    gateway.get(here.base)

    sent = [request.split(b" HTTP")[0] for request in here.servers[0].requests]
    assert sent == [
        f"GET /v2/models/{here.model}/versions/1/ready".encode(),
        b"GET /v2/health/live",
        b"POST /",
        f"GET /v2/models/{here.model}".encode(),
    ]


def test_a_version_chooses_among_those_that_serve(gateway, slot, servers, data_dir):
    here, second = slot(), servers(lambda *it: reply(it[1], b'{"second": 1}'))
    publish(data_dir, "second", second, version="2")
    entries = [
        {"deployment_id": here.id, "version": "1", "weight": 99},
        {"deployment_id": "second", "version": "2", "weight": 1},
    ]
    route(data_dir, here.model, *entries)
    path = f"{here.base}/v2/models/{here.model}/versions/2/infer"

    until(lambda: gateway.post(path, {})[1] == {"second": 1})
    path = f"{here.base}/v2/models/{here.model}/versions/3/infer"
    assert gateway.post(path, {})[0] == 404


def test_weights_share_the_traffic(gateway, slot, servers, data_dir):
    here, canary = slot(), servers()
    publish(data_dir, "canary", canary)
    entries = [
        {"deployment_id": here.id, "weight": 75},
        {"deployment_id": "canary", "weight": 25},
    ]
    route(data_dir, here.model, *entries)
    until(lambda: gateway.post(here.infer, {})[0] == 200 and canary.requests)
    canary.requests.clear()

    for _ in range(400):
        gateway.post(here.infer, {})

    assert 60 < len(canary.requests) < 140


def test_a_shadow_gets_copies_and_never_answers(gateway, slot, servers, data_dir):
    here, shadow = slot(), servers(lambda *it: reply(it[1], b'{"shadow": 1}', 500))
    publish(data_dir, "shadow", shadow)
    entries = [
        {"deployment_id": here.id},
        {"deployment_id": "shadow", "shadow": True, "weight": 0},
    ]
    route(data_dir, here.model, *entries)

    def mirrored():
        assert gateway.post(here.infer, {"a": 1})[:2] == (200, {})
        return shadow.requests

    until(mirrored)
    assert json.loads(shadow.requests[0].split(b"\r\n\r\n")[1]) == {"a": 1}
    until(lambda: gateway.counted().get("shadow", {}).get("error_count"))


def test_a_shadow_alone_is_no_model_that_serves(gateway, slot, servers, data_dir):
    here = slot()
    publish(data_dir, "shadow", servers())
    route(data_dir, here.model, {"deployment_id": "shadow", "shadow": True})

    def refused():
        status, answer, *_ = gateway.post(here.infer, {})
        return status == 404 and answer["error"]

    said = until(refused)
    assert said == f"No model '{here.model}' serves in 'staging'."


def test_metrics_and_spool_tell_the_same(gateway, slot):
    here = slot(answers)
    for _ in range(5):
        gateway.post(here.infer, {})

    until(lambda: gateway.counted().get(here.id, {}).get("request_count") == 5)
    page = gateway.get("/metrics")[1]
    label = f'deployment="{here.id}"'
    counted = [line for line in page.splitlines() if label in line]
    assert any("requests_total" in line and line.endswith(" 5") for line in counted)
    assert any("seconds_count" in line and line.endswith(" 5") for line in counted)


def test_reading_metadata_is_not_counted(gateway, slot):
    here = slot()
    gateway.get(f"{here.base}/v2")
    gateway.post(here.infer, {})

    until(lambda: here.id in gateway.counted())
    assert gateway.counted()[here.id]["request_count"] == 1
