"""MLflow's deployments plugin: names and options, and what it asks of the REST API."""

import importlib
import sys

import pytest
from django.conf import settings

from deployments.models import Deployment
from deployments.states import Status
from mlops.core.models import ApiToken
from tests.deployments.factories import VersionFactory, walked

sys.path.insert(0, str(settings.BASE_DIR / "clients" / "mlflow-deployments"))
api = importlib.import_module("mlops_deployments.api")
options = importlib.import_module("mlops_deployments.options")


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("mlops://localhost:8500", "http://localhost:8500"),
        ("mlops://[::1]:8500/", "http://[::1]:8500"),
        ("mlops://mlops.example.org", "https://mlops.example.org"),
        ("mlops://mlops.example.org/ml", "https://mlops.example.org/ml"),
        ("mlops://10.0.0.7:80?scheme=http", "http://10.0.0.7:80"),
        ("mlops://me:secret@example.org", "https://example.org"),
    ],
)
def test_a_target_is_an_address(target, url):
    assert api.url_of(target) == url


@pytest.mark.parametrize(
    "target", ["mlops", "mlops://", "http://a", "mlops://a?scheme=ftp"]
)
def test_what_is_no_target_is_refused(target):
    with pytest.raises(ValueError, match="target"):
        api.url_of(target)


@pytest.mark.parametrize(
    ("name", "endpoint", "slot"),
    [
        ("churn", None, "development/churn"),
        ("churn", "staging", "staging/churn"),
        ("production/churn", None, "production/churn"),
        ("production/churn", "production", "production/churn"),
    ],
)
def test_a_name_is_a_model_in_an_environment(name, endpoint, slot):
    assert str(api.slot_of(name, endpoint)) == slot


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("", None),
        ("moon/churn", None),
        ("staging/churn", "production"),
        ("a/b/c", None),
    ],
)
def test_what_is_no_name_is_refused(name, endpoint):
    with pytest.raises(ValueError, match=r"endpoint|environment"):
        api.slot_of(name, endpoint)


def test_options_are_the_body_of_a_request():
    given = {"instances": "2", "auto_scaling": "true", "steps": "5,50", "notes": "n"}

    body, wait_s = options.parsed({**given, "timeout_s": 30, "wait_s": "7"})

    assert wait_s == 7
    assert body == {
        "endpoint_config": {"instances": 2, "auto_scaling": True, "timeout_s": 30},
        "strategy": {"type": "canary", "steps": [5, 50]},
        "deployment_notes": "n",
    }
    assert options.parsed(None) == ({}, options.WAIT_S)


@pytest.mark.parametrize(
    "config", [{"color": "red"}, {"instances": "two"}, {"auto_scaling": "perhaps"}]
)
def test_an_option_that_says_nothing_is_refused(config):
    with pytest.raises(ValueError, match=next(iter(config))):
        options.parsed(config)


@pytest.fixture
def client(live_server, person):
    """Return the plugin's client, signed in as a data scientist."""
    _, token = ApiToken.issue(person("data scientist"), "plugin")
    return api.Api(live_server.url, token)


@pytest.fixture
def version(transactional_db):
    return VersionFactory(model__name="churn", version="1")


SLOT = api.Slot("development", "churn")


def test_a_deployment_is_asked_for_listed_and_cancelled(client, version):
    body, _ = options.parsed({"instances": 2})
    made = client.deploy(SLOT, "1", body)
    listed = list(client.all())
    elsewhere = list(client.all("staging"))

    for one in client.alive(SLOT):
        client.end(one)

    assert (made["status"], made["endpoint_config"]["instances"]) == ("pending", 2)
    assert [one["id"] for one in listed] == [made["id"]]
    assert elsewhere == []
    assert client.alive(SLOT) == []
    assert Deployment.objects.get().status == Status.FAILED


def test_a_wait_ends_when_it_serves_and_when_it_never_will(client, version):
    made = client.deploy(SLOT, "1", {})
    with pytest.raises(api.Refused, match="still pending"):
        client.wait(made, 0)
    deployment = walked(Deployment.objects.get())

    assert client.wait(made, 5)["status"] == "active"
    assert client.alive(SLOT)[0]["is_current"]
    deployment.refresh_from_db()
    client.end(client.alive(SLOT)[0])
    assert client.alive(SLOT)[0]["ends_as"] == "terminated"


def test_a_refusal_is_the_server_s_sentence(client, version):
    with pytest.raises(api.Refused, match="churn") as unknown:
        client.deploy(SLOT, "9", {})
    with pytest.raises(api.Refused) as stranger:
        list(api.Api(client.url, "mlops_wrong").all())
    with pytest.raises(api.Refused, match="does not answer"):
        list(api.Api("http://127.0.0.1:9", "t").all())

    assert unknown.value.status in {400, 404, 422}
    assert stranger.value.status == 401


def test_an_alias_names_a_version(client, version):
    version.model.set_alias("champion", version, by=None)

    assert client.version_of_alias("churn", "champion") == str(version.number)
