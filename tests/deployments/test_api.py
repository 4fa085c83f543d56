"""The API of deployments as clients see it."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Deployment
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
    served,
)

pytestmark = pytest.mark.django_db
HOME = "/api/v1/ml/lifecycle/deployments"


def body(version, **more):
    return {"model_id": str(version.pk), "environment": "development", **more}


def test_a_deployment_is_created_pending_and_can_be_read(api):
    version = VersionFactory()

    created = api("deployer").post(HOME, body(version, deployment_notes="first"))

    assert created.status_code == 201
    answer = created.json()
    assert answer["id"] == answer["_id"]
    assert answer["status"] == "pending"
    assert answer["model_name"] == version.model.name
    assert answer["experiment_name"] == version.run.experiment.name
    assert answer["created_by"] == "deployer"
    assert answer["deployment_notes"] == "first"
    assert answer["endpoint"].endswith(f"/serving/development/{version.model.name}")
    assert answer["endpoint_config"] == {
        "instances": 1,
        "instance_type": "standard",
        "auto_scaling": False,
    }
    assert "deployed_at" not in answer
    assert answer["terminated_at"] is None
    detail = api("viewer").get(created["Location"]).json()
    assert detail["logs"] == [
        line for line in detail["logs"] if "new → pending: first" in line
    ]
    assert (detail["request_count"], detail["error_rate"]) == (0, 0)
    assert (detail["avg_latency_ms"], detail["metrics"]) == (0, None)


@pytest.mark.parametrize(
    "url", [HOME, f"{HOME}/", HOME.replace("cycle/", "cycle/lifecycle/")]
)
def test_every_address_takes_every_form_of_the_body(api, url):
    version = VersionFactory()
    forms = [
        {"model_id": str(version.pk)},
        {"model_id": f"{version.model.name}:{version.version}"},
        {"model_id": f"{version.model.name}/{version.version}"},
        {
            "model_name": version.model.name,
            "model_version": version.version,
            "experiment_name": version.run.experiment.name,
            "endpoint": "http://elsewhere/",
            "created_by": "somebody",
            "endpoint_config": None,
        },
    ]

    for number, form in enumerate(forms, start=1):
        sized = {"environment": "staging", **form}
        if number < len(forms):
            sized["endpoint_config"] = {"instances": number}
        answer = api("deployer").post(url, sized)
        assert answer.status_code in {201, 409}, answer.json()

    assert Deployment.objects.filter(model_version=version).count() >= 3
    assert {one["endpoint"] for one in api().get(url).json()} == {
        Deployment.objects.first().endpoint
    }


def sticky(**more) -> dict:
    return {"type": "canary", "steps": [10], "sticky_by": "header", **more}


def test_limits_and_a_sticky_canary_are_asked_for_and_shown(api):
    limits = {"timeout_s": 60, "max_concurrency": 5, "max_body_bytes": 1 << 20}
    strategy = sticky(sticky_header="X-User", seconds_per_step=30)
    asked = body(VersionFactory(), endpoint_config=limits, strategy=strategy)

    answer = api("deployer").post(HOME, asked).json()

    shown = answer["endpoint_config"]
    assert {name: shown[name] for name in limits} == limits
    assert answer["strategy"] == strategy


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"environment": "moon"}, 422, "invalid"),
        ({"environment": None}, 422, "invalid"),
        ({"colour": "red"}, 422, "invalid"),
        ({"model_id": str(uuid.uuid4())}, 404, "not_found"),
        ({"model_id": 7.5}, 422, "invalid"),
        ({"model_name": "another"}, 422, "invalid"),
        ({"experiment_name": "nowhere"}, 404, "not_found"),
        ({"endpoint_config": {"instance_type": "mainframe"}}, 422, "invalid"),
        ({"endpoint_config": {"instances": 0}}, 422, "invalid"),
        ({"endpoint_config": {"instances": "2"}}, 422, "invalid"),
        ({"endpoint_config": {"auto_scaling": "yes"}}, 422, "invalid"),
        ({"endpoint_config": {"gpus": 1}}, 422, "invalid"),
        ({"endpoint_config": {"instances": 2, "max_instances": 1}}, 422, "invalid"),
        ({"endpoint_config": {"timeout_s": 0}}, 422, "invalid"),
        ({"endpoint_config": {"timeout_s": 601}}, 422, "invalid"),
        ({"endpoint_config": {"max_concurrency": 1001}}, 422, "invalid"),
        ({"endpoint_config": {"max_body_bytes": 1023}}, 422, "invalid"),
        ({"strategy": {"sticky_by": "key"}}, 422, "invalid"),
        ({"strategy": sticky(sticky_by="mood")}, 422, "invalid"),
        ({"strategy": sticky(sticky_header="Authorization")}, 422, "invalid"),
        ({"strategy": sticky(sticky_header="a b")}, 422, "invalid"),
        ({"strategy": sticky(sticky_by="key", sticky_header="X-A")}, 422, "invalid"),
        ({"strategy": {"type": "canary"}}, 422, "invalid"),
        ({"strategy": {"type": "hope"}}, 422, "invalid"),
        ({"environment": "production"}, 409, "not_approved"),
    ],
)
def test_a_bad_body_is_refused_and_leaves_nothing(api, change, status, code):
    answer = api("deployer").post(HOME, {**body(VersionFactory()), **change})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint_config": {"min_instances": 1}}, "min_instances"),
        ({"endpoint_config": {"max_instances": 3}}, "max_instances"),
        ({"endpoint_config": {"instances": 1, "min_instances": 2}}, "min_instances"),
        ({"endpoint_config": {"instances": 2, "max_instances": 1}}, "max_instances"),
        ({"strategy": {"seconds_per_step": 60}}, "seconds_per_step"),
        (
            {"strategy": {"type": "shadow", "seconds_per_step": 30}},
            "seconds_per_step",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused_by_its_field(api, change, field):
    answer = api("deployer").post(HOME, body(VersionFactory(), **change))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][-1] == field
    assert not Deployment.objects.exists()


def test_a_body_that_names_no_version_says_what_is_missing(api):
    answer = api("deployer").post(HOME, {"environment": "staging", "model_name": "m"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "model_version"]


def test_the_same_request_twice_is_a_conflict_that_names_the_first(api):
    version = VersionFactory()
    first = api("deployer").post(HOME, body(version)).json()

    second = api("deployer").post(HOME, body(version))

    assert (second.status_code, second.json()["code"]) == (
        409,
        "deployment_in_progress",
    )
    assert first["id"] in second.json()["detail"]


def test_a_version_without_a_file_can_be_asked_for(api):
    answer = api("deployer").post(HOME, body(VersionFactory(content=None)))

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("role", "environment", "status"),
    [
        ("anonymous", "development", 401),
        ("viewer", "development", 403),
        ("approver", "development", 403),
        ("deployer", "development", 201),
        ("data scientist", "production", 403),
    ],
)
def test_deploying_needs_the_environments_permission(api, role, environment, status):
    version = VersionFactory()

    answer = api(role).post(HOME, body(version, environment=environment))

    assert answer.status_code == status


def test_a_deployment_is_found_by_id_run_and_label(api):
    version = VersionFactory()
    served(version)
    newest = served(version)
    names = [
        newest.pk,
        newest.pk.hex,
        version.run.uid,
        f"{version.model.name}:{version.version}",
    ]

    found = {api().get(f"{HOME}/{name}").json()["id"] for name in names}

    assert found == {str(newest.pk)}
    assert api().get(f"{HOME}/nothing").status_code == 404
    assert api().get(f"{HOME}/{uuid.uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("production", "active"), ("staging", "pending")], 0),
        ([("production", "active"), ("production", "failed")], 0),
        ([("development", "active"), ("staging", "active")], 1),
        ([("staging", "active"), ("production", "active"), ("staging", "failed")], 1),
        ([("production", "deploying"), ("development", "active")], 1),
        ([("production", "terminated"), ("staging", "failed")], 1),
    ],
)
def test_version_and_run_mean_the_deployment_that_serves_else_the_newest(
    api, rows, expected
):
    version = VersionFactory()
    made = [
        DeploymentFactory(
            model_version=version,
            slot__environment=environment,
            status=status,
        )
        for environment, status in rows
    ]

    for name in (version.run.uid, f"{version.model.name}:{version.version}"):
        assert api().get(f"{HOME}/{name}").json()["id"] == str(made[expected].pk)


def test_a_list_is_filtered_sorted_and_paged(api):
    first, second = DeploymentFactory(active=True), DeploymentFactory(status="failed")

    def ids(query):
        return [one["id"] for one in api().get(f"{HOME}?{query}").json()]

    assert ids("") == [str(second.pk), str(first.pk)]
    assert ids("status=active") == [str(first.pk)]
    assert ids("sort_by=created_at&sort_order=asc") == [str(first.pk), str(second.pk)]
    assert ids(f"model_name={second.slot.model.name}") == [str(second.pk)]
    assert ids("environment=production") == []
    paged = api().get(f"{HOME}?limit=1&page=2")
    assert (paged["X-Total-Count"], paged.json()[0]["id"]) == ("2", str(first.pk))
    for bad in (
        "status=happy",
        "environment=moon",
        "sort_by=colour",
        "colour=red",
        "page=0",
    ):
        assert api().get(f"{HOME}?{bad}").status_code == 400


def test_a_list_costs_the_same_queries_for_one_and_for_many(
    api, django_assert_max_num_queries
):
    client = api()
    DeploymentFactory()
    with django_assert_max_num_queries(7) as few:
        client.get(HOME)
    DeploymentFactory.create_batch(10, active=True)

    with django_assert_max_num_queries(len(few)):
        assert len(client.get(HOME).json()) == 11


def test_flat_and_nested_figures_have_one_source(api):
    deployment = DeploymentFactory(active=True)
    now = timezone.now().replace(second=0, microsecond=0)
    for gateway, minute in (("a", 0), ("b", 0), ("a", 1)):
        count(
            deployment,
            now - timedelta(minutes=minute),
            gateway,
            request_count=10,
            error_count=1,
            client_error_count=2,
            sum_ms=45.0,
            rejected_count=1,
            max_ms=9.0,
            histogram={"40": 9},
        )

    detail = api().get(f"{HOME}/{deployment.pk}").json()

    assert (detail["request_count"], detail["metrics"]["request_count"]) == (30, 30)
    assert (detail["error_rate"], detail["metrics"]["error_count"]) == (0.1, 3)
    assert detail["avg_latency_ms"] == detail["metrics"]["avg_latency_ms"] == 5.0
    assert 2.0 < detail["metrics"]["p95_latency_ms"] < 2.4
    assert detail["metrics"]["last_updated"].startswith(f"{now:%Y-%m-%dT%H:%M}")
    listed = api().get(HOME).json()[0]["metrics"]
    assert (listed["request_count"], listed["avg_latency_ms"]) == (30, 5.0)


@pytest.mark.parametrize(
    "part", ["", "/logs", "/events", "/metrics", "/keys", "/drift"]
)
def test_reads_of_what_is_to_end_are_what_was_asked_for(api, part):
    deployment = served(VersionFactory())
    address = f"{HOME}/{deployment.pk}"
    client = api("admin")
    before = client.get(f"{address}{part}").json()

    client.patch(address, {"status": "terminated"})

    after = client.get(f"{address}{part}").json()
    assert client.get(address).json()["ends_as"] == "terminated"
    assert type(after) is type(before)
    if isinstance(before, dict):
        assert after.keys() == before.keys()
