"""Drift between versions, the graph around a dataset, features with real figures."""

import random

import pytest

from datasets.models import BindingTarget, DriftReport
from tests.datasets.conftest import DATASETS
from tests.datasets.factories import FeatureFactory

pytestmark = pytest.mark.django_db


def returns(mean, rows=2000, seed=1):
    rng = random.Random(seed)  # noqa: S311 - repeatable test data
    lines = (f"{rng.gauss(mean, 1):.6f},{rng.choice('ab')}\n" for _ in range(rows))
    return "ret_1d,side\n" + "".join(lines)


@pytest.fixture
def drifted(make_dataset, add_version):
    dataset = make_dataset("panel", returns(0))
    add_version(dataset, returns(2, seed=2))
    return dataset


def test_a_shift_between_versions_is_found_and_kept(drifted, api):
    viewer = api("viewer")

    first = viewer.get(f"{DATASETS}/panel/drift", {"from": "1"}).json()
    again = viewer.get(f"{DATASETS}/panel/drift", {"from": "1", "to": "2"}).json()

    columns = {column["name"]: column for column in first["report"]["columns"]}
    assert (first["level"], first["drifted_count"]) == ("drift", 1)
    assert columns["ret_1d"]["psi"] > 1
    assert columns["side"]["level"] == "none"
    assert again["id"] == first["id"]
    assert DriftReport.objects.count() == 1
    listed = viewer.get(f"{DATASETS}/panel/drift-reports").json()
    assert [item["id"] for item in listed] == [first["id"]]


def test_the_same_content_has_not_drifted(drifted, api):
    body = api("viewer").get(f"{DATASETS}/panel/drift", {"from": "1", "to": "1"}).json()

    assert (body["level"], body["drifted_count"]) == ("none", 0)


@pytest.mark.parametrize(("query", "status"), [({}, 400), ({"from": "7"}, 404)])
def test_drift_needs_two_versions_that_exist(drifted, api, query, status):
    assert api("viewer").get(f"{DATASETS}/panel/drift", query).status_code == status


def test_categories_are_associated(make_dataset, api):
    make_dataset("pairs", "a,b\n" + "x,1\ny,2\n" * 30)

    body = api("viewer").get(f"{DATASETS}/pairs/associations").json()

    (pair,) = body["pairs"]
    assert (pair["measure"], pair["value"]) == ("correlation_ratio", pytest.approx(1))


def test_a_feature_has_the_figures_of_its_column(drifted, api):
    FeatureFactory(feature_name="ret_1d", binding=BindingTarget("panel", "ret_1d"))
    viewer = api("viewer")

    shown = viewer.get("/api/v1/features/ret_1d").json()["statistics"]
    figures = viewer.get("/api/v1/features/ret_1d/statistics").json()

    assert shown["mean"] == pytest.approx(2, abs=0.1)
    assert shown["std"] == pytest.approx(1, abs=0.1)
    assert shown["missing_ratio"] == 0
    assert sum(item["count"] for item in shown["distribution"]) == 2000
    assert (figures["dataset_name"], figures["dataset_version"]) == ("panel", 2)
    assert figures["statistics"]["median"] == shown["median"]
    assert figures["statistics"]["count"] == 2000


def test_a_feature_has_no_figures_of_a_column_that_is_only_called_so(make_dataset, api):
    make_dataset("shop", "beta\n1\n2\n", features=["beta"])
    FeatureFactory(feature_name="beta", binding=BindingTarget("shop", "beta"))
    make_dataset("newer", "beta\n100\n200\n", features=["beta"])

    figures = api("viewer").get("/api/v1/features/beta/statistics").json()

    assert (figures["dataset_name"], figures["statistics"]["mean"]) == ("shop", 1.5)
    graph = api("viewer").get(f"{DATASETS}/newer/lineage").json()
    assert {node["kind"] for node in graph["nodes"]} == {"dataset", "dataset_version"}


def test_the_graph_leads_from_a_dataset_to_the_models(drifted, api):
    base = FeatureFactory(
        feature_name="ret_1d", binding=BindingTarget("panel", "ret_1d")
    )
    FeatureFactory(feature_name="vol_21d", upstream_features=["ret_1d"])
    base.record_use(
        by=None,
        feature_version="1.0.0",
        used_by_model="alpha",
        model_version="3",
        environment="staging",
    )

    body = api("viewer").get(f"{DATASETS}/panel/lineage").json()

    edges = {(e["source"], e["target"], e["state"]) for e in body["edges"]}
    assert (f"dataset:{drifted.pk}", "feature:ret_1d", "ok") in edges
    assert ("feature:ret_1d", "feature:vol_21d", "ok") in edges
    assert ("feature:ret_1d", "model:alpha:3", "ok") in edges
    kinds = [node["kind"] for node in body["nodes"]]
    assert kinds.count("dataset_version") == 2


def test_a_column_that_goes_shows_what_breaks(make_dataset, add_version, api):
    dataset = make_dataset("prices", "close,volume\n1,2\n3,4\n")
    FeatureFactory(feature_name="volume", binding=BindingTarget("prices", "volume"))
    FeatureFactory(feature_name="turnover", upstream_features=["volume"])
    add_version(dataset, "close\n1\n")

    compared = api("viewer").get(f"{DATASETS}/prices/compare", {"with": "1"}).json()
    graph = api("viewer").get(f"{DATASETS}/prices/lineage").json()

    (broken,) = compared["breaks"]
    assert (broken["feature_name"], broken["dependents"]) == ("volume", ["turnover"])
    states = {edge["target"]: edge["state"] for edge in graph["edges"]}
    assert states["feature:volume"] == "broken"


def test_numbers_that_become_text_break_what_reckons_with_them(
    make_dataset, add_version, api
):
    dataset = make_dataset("prices", "close,volume\n1,2\n3,4\n")
    FeatureFactory(feature_name="volume", binding=BindingTarget("prices", "volume"))
    add_version(dataset, "close,volume\n1,many\n")

    compared = api("viewer").get(f"{DATASETS}/prices/compare", {"with": "1"}).json()

    (broken,) = compared["breaks"]
    assert broken["reason"] == "its column went from BIGINT to VARCHAR"
