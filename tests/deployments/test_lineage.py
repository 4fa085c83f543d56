"""One graph over all apps: what something was made from, what was made of it."""

import pytest

from datasets.models import (
    BindingTarget,
    Column,
    Dataset,
    DatasetVersion,
    Feature,
    FeatureUsage,
)
from datasets.states import VersionState
from tests.deployments.factories import VersionFactory, served

pytestmark = pytest.mark.django_db
URL = "/api/v1/lineage"


def feature(name):
    return Feature.objects.create(
        feature_name=name, feature_type="raw", data_type="float", description="A column"
    )


@pytest.fixture
def story():
    """prices v1 → run → churn → deployment, and prices → close → momentum → churn."""
    dataset = Dataset.objects.create(name="prices")
    data = DatasetVersion.objects.create(
        dataset=dataset, number=1, digest="d" * 64, state=VersionState.READY
    )
    version = VersionFactory()
    version.run.read_dataset(data)
    Column.objects.create(version=data, position=0, name="close", data_type="DOUBLE")
    dataset.make_current(data)
    feature("close").bind(BindingTarget("prices", "close"), by=None)
    momentum = feature("momentum")
    momentum.rely_on(["close"])
    FeatureUsage.objects.create(
        feature=momentum,
        feature_version="1.0.0",
        used_by_model=version.model.name,
        model_version=version.version,
        environment="development",
    )
    served(version)
    second = served(version)
    return version, second


def relations(answer):
    names = {node["key"]: node["name"] for node in answer["nodes"]}
    return {
        (names[edge["source"]], edge["relation"], names[edge["target"]])
        for edge in answer["edges"]
    }


def test_a_deployment_leads_back_to_data_and_features(api, story):
    version, second = story

    answer = api("viewer").get(URL, {"of": f"deployment:{second.pk}"}).json()

    run, model = version.run.uid, f"{version.model.name}:{version.version}"
    here = f"{version.model.name} in development r2"
    assert relations(answer) == {
        ("prices", "has_version", "prices:1"),
        ("prices", "provides", "close"),
        ("close", "feeds", "momentum"),
        ("momentum", "used_by", model),
        ("prices:1", "read_by", run),
        (version.run.experiment.name, "has_run", run),
        (run, "registered_as", model),
        (model, "deployed_as", here),
    }
    assert answer["of"]["id"] == str(second.pk)
    assert not answer["is_truncated"]


def test_a_feature_leads_to_everything_that_breaks_without_it(api, story):
    version, _ = story

    answer = api().get(URL, {"of": "feature:close", "direction": "downstream"}).json()

    names = {node["name"] for node in answer["nodes"]}
    places = {f"{version.model.name} in development r{number}" for number in (1, 2)}
    model = f"{version.model.name}:{version.version}"
    assert names == {"close", "momentum", model, *places}


def test_every_kind_is_found_by_what_the_api_calls_it(api, story):
    version, _second = story
    for of, kind in (
        ("dataset:prices", "dataset"),
        ("dataset_version:prices:v1", "dataset_version"),
        (f"dataset_version:{DatasetVersion.objects.get().pk}", "dataset_version"),
        ("feature:momentum", "feature"),
        (f"experiment:{version.run.experiment.name}", "experiment"),
        (f"run:{version.run.uid}", "run"),
        (f"model_version:{version.model.name}:{version.version}", "model_version"),
        (f"deployment:{version.run.uid}", "deployment"),
    ):
        answer = api().get(URL, {"of": of, "depth": 1}).json()
        assert answer["of"]["kind"] == kind
        assert answer["edges"], of


def test_a_restored_deployment_is_linked_to_what_it_restores(api, story):
    _, second = story
    other = served(VersionFactory(model=second.slot.model))
    restored = other.roll_back()

    answer = (
        api()
        .get(
            URL,
            {"of": f"deployment:{restored.pk}", "direction": "upstream", "depth": 1},
        )
        .json()
    )

    assert {edge["relation"] for edge in answer["edges"]} == {
        "deployed_as",
        "restored_as",
    }
    assert restored.restores == second


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"of": "run"}, 400),
        ({"of": "planet:mars"}, 400),
        ({"of": "run:nothing"}, 404),
        ({"of": "dataset_version:nothing"}, 404),
        ({"of": "logged_model:m-nothing"}, 404),
        ({"of": "feature:close", "direction": "sideways"}, 400),
        ({"of": "feature:close", "depth": "0"}, 400),
        ({"of": "feature:close", "depth": "21"}, 400),
        ({"of": "feature:close", "depth": "deep"}, 400),
    ],
)
def test_a_bad_question_is_told_so(api, story, query, status):
    assert api().get(URL, query).status_code == status


def test_a_larger_graph_costs_no_more_queries(
    api, story, django_assert_max_num_queries
):
    version, _second = story
    client, query = api(), {"of": "dataset:prices"}
    with django_assert_max_num_queries(20) as before:
        client.get(URL, query)
    for _ in range(10):
        served(version)

    with django_assert_max_num_queries(len(before)):
        assert len(client.get(URL, query).json()["nodes"]) >= 16


def test_what_breaks_if_a_column_goes(api, story):
    version, _second = story

    answer = api("viewer").get(
        URL, {"of": "column:prices:close", "direction": "downstream"}
    )

    run, model = version.run.uid, f"{version.model.name}:{version.version}"
    found = relations(answer.json())
    assert {
        ("close", "provides", "close"),
        ("close", "read_by", run),
        ("close", "feeds", "momentum"),
        ("momentum", "used_by", model),
        (run, "registered_as", model),
        (model, "deployed_as", f"{version.model.name} in development r2"),
    } <= found
    assert answer.json()["of"]["kind"] == "column"
    assert {edge["depth"] for edge in answer.json()["edges"]} >= {1, 2, 3}
    upstream = api("viewer").get(
        URL, {"of": "column:prices:close", "direction": "upstream"}
    )
    assert relations(upstream.json()) == {("prices", "has_column", "close")}


@pytest.mark.parametrize("of", ["column:prices:nothing", "column:x:y", "column:prices"])
def test_a_column_that_never_was_is_not_found(api, story, of):
    assert api("viewer").get(URL, {"of": of}).status_code == 404


def test_a_model_that_is_only_known_by_its_use_breaks_with_the_column(api, story):
    Feature.objects.get(feature_name="momentum").usages.create(
        feature_version="1.0.0",
        used_by_model="notebook",
        model_version="7",
        environment="research",
    )
    client = api("viewer")

    for of in ("column:prices:close", "feature:close", "dataset:prices"):
        query = {"of": of, "direction": "downstream"}
        answer = client.get(URL, query).json()
        assert ("momentum", "used_by", "notebook:7") in relations(answer), of
        near = client.get(URL, {**query, "depth": 1}).json()
        assert "notebook:7" not in {node["name"] for node in near["nodes"]}, of

    upstream = {"of": "feature:momentum", "direction": "upstream"}
    names = {node["name"] for node in client.get(URL, upstream).json()["nodes"]}
    assert names == {"momentum", "close", "prices"}


def test_a_column_of_that_name_elsewhere_breaks_nothing(api, story):
    other = Dataset.objects.create(name="other")
    data = DatasetVersion.objects.create(
        dataset=other, number=1, digest="e" * 64, state=VersionState.READY
    )
    Column.objects.create(version=data, position=0, name="close", data_type="DOUBLE")
    other.make_current(data)

    answer = api().get(URL, {"of": "column:other:close", "direction": "downstream"})

    assert answer.json()["edges"] == []
