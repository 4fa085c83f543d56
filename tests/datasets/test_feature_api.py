"""The feature store over HTTP, as the frontend's client calls it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.models import Feature
from tests.datasets.factories import FeatureFactory

pytestmark = pytest.mark.django_db
FEATURES = "/api/v1/features"
BODY = {
    "feature_name": "mom_21d",
    "feature_type": "technical_indicator",
    "data_type": "float",
    "description": "Return over 21 trading days",
    "owner": "somebody-else",
    "tags": ["momentum"],
}


@pytest.fixture
def scientist(api):
    return api("data scientist")


def test_a_feature_is_created_owned_by_the_caller(scientist):
    answer = scientist.post(FEATURES, BODY)

    assert answer.status_code == 201
    body = answer.json()
    assert body["owner"] == "data-scientist"
    assert (body["status"], body["current_version"]) == ("draft", "1.0.0")
    assert "transformation" not in body
    assert "last_used_at" not in body


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"feature_name": "ab"}, "feature_name"),
        ({"feature_name": "a/b/c"}, "feature_name"),
        ({"feature_name": "datasets"}, "feature_name"),
        ({"feature_type": "magic"}, "feature_type"),
        ({"data_type": 7}, "data_type"),
        ({"description": "short"}, "description"),
        ({"tags": "one"}, "tags"),
        ({"transformation": {"code": "x"}}, "transformation"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_bad_field_is_a_422_that_names_it(scientist, change, field):
    answer = scientist.post(FEATURES, {**BODY, **change})

    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["loc"]
    assert not Feature.objects.exists()


def test_a_second_feature_of_the_same_name_is_a_conflict(scientist):
    scientist.post(FEATURES, BODY)

    answer = scientist.post(FEATURES, BODY)

    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


def test_the_list_is_an_envelope_that_can_be_narrowed(scientist):
    FeatureFactory(feature_name="mom_5d", tags=["momentum", "daily"])
    FeatureFactory(feature_name="pe_ratio", feature_type="fundamental", tags=["value"])

    def names(**query):
        return [
            item["feature_name"]
            for item in scientist.get(FEATURES, query).json()["features"]
        ]

    assert names() == ["pe_ratio", "mom_5d"]
    assert names(tags="momentum,daily") == ["mom_5d"]
    assert names(tags="momentum,value") == []
    assert names(search="PE_") == ["pe_ratio"]
    assert names(feature_type="fundamental") == ["pe_ratio"]
    assert names(sort_by="feature_name", sort_order="asc") == ["mom_5d", "pe_ratio"]
    assert scientist.get(FEATURES, {"limit": 1}).json()["total"] == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "gone"}, "status"),
        ({"feature_type": "magic"}, "feature_type"),
        ({"sort_by": "secret"}, "sort_by"),
        ({"limit": "many"}, "limit"),
        ({"nonsense": "1"}, "nonsense"),
    ],
)
def test_a_bad_query_value_is_a_400_that_names_it(scientist, query, field):
    answer = scientist.get(FEATURES, query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == ["query", field]


def test_the_list_costs_the_same_however_many_there_are(scientist):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert scientist.get(FEATURES).status_code == 200
        return len(captured)

    for _ in range(2):
        FeatureFactory()
    queries()  # the permissions of the caller are read once
    few = queries()
    for place in range(12):
        feature = FeatureFactory(
            upstream_features=[f.feature_name for f in Feature.objects.all()[:2]]
        )
        feature.record_use(
            by=None,
            feature_version="1.0.0",
            used_by_model=f"m{place}",
            model_version="1",
            environment="dev",
        )

    assert queries() == few


def test_the_whole_life_of_a_feature(scientist):
    scientist.post(FEATURES, BODY)
    url = f"{FEATURES}/mom_21d"

    assert scientist.post(f"{url}/activate").json()["status"] == "active"
    put = scientist.put(url, {"description": "Momentum of 21 days", "tags": None})
    assert put.json()["tags"] == ["momentum"]
    released = scientist.post(
        f"{url}/versions",
        {"version": "2.0.0", "changelog": "Log returns now", "created_by": "x"},
    )
    assert (released.status_code, released.json()["created_by"]) == (
        200,
        "data-scientist",
    )
    versions = scientist.get(f"{url}/versions").json()
    assert [item["version"] for item in versions["versions"]] == ["2.0.0", "1.0.0"]
    back = scientist.post(f"{url}/rollback?target_version=1.0.0")
    assert back.json()["is_rolled_back"] is False
    assert scientist.post(f"{url}/deprecate").json()["deprecated_at"].endswith("Z")
    assert scientist.delete(url).status_code == 204
    assert scientist.get(url).json()["status"] == "archived"


@pytest.mark.parametrize("family", ["/api/v1/features", "/api/v1/ml/features"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_families_of_addresses_answer_by_name_and_by_id(scientist, family, slash):
    feature = FeatureFactory(feature_name="both_ways")

    for key in ("both_ways", feature.pk):
        for part in ("", "/versions", "/lineage", "/statistics"):
            answer = scientist.get(f"{family}/{key}{part}{slash}")
            assert answer.status_code == 200, answer.json()


def test_unknown_features_and_versions_are_404(scientist):
    FeatureFactory(feature_name="known")

    assert scientist.get(f"{FEATURES}/unknown").json()["code"] == "feature_not_found"
    answer = scientist.post(f"{FEATURES}/known/rollback?target_version=9")
    assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")
    assert scientist.post(f"{FEATURES}/known/rollback").status_code == 400


def test_usage_is_recorded_and_summed_up(scientist):
    FeatureFactory(feature_name="used")
    use = {
        "feature_name": "used",
        "feature_version": "1.0.0",
        "used_by_model": "alpha",
        "model_version": "3",
        "environment": "production",
        "feature_importance": 0.5,
    }

    first = scientist.post(f"{FEATURES}/usage", use)
    scientist.post(f"{FEATURES}/usage", {**use, "feature_importance": 0.25})

    assert first.status_code == 201
    assert "execution_id" not in first.json()
    figures = scientist.get(f"{FEATURES}/used/statistics").json()
    assert figures["total_usage_count"] == 2
    assert figures["avg_feature_importance"] == 0.375
    assert figures["environments"] == {"production": 2}
    assert figures["statistics"] == {}
    assert scientist.get(f"{FEATURES}/used").json()["usage_count"] == 2
    unknown = scientist.post(f"{FEATURES}/usage", {**use, "feature_name": "nope"})
    assert unknown.status_code == 404


def test_a_viewer_reads_and_changes_nothing(api):
    FeatureFactory(feature_name="seen")
    viewer = api("viewer")

    assert viewer.get(f"{FEATURES}/seen").status_code == 200
    assert viewer.post(FEATURES, BODY).status_code == 403
    assert viewer.post(f"{FEATURES}/seen/activate").status_code == 403
    assert viewer.delete(f"{FEATURES}/seen").status_code == 403
    assert api("anonymous").get(FEATURES).status_code == 401


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"validation_rules": [None]}, "validation_rules"),
        ({"duckdb_view": 0}, "duckdb_view"),
        ({"tags": [1]}, "tags"),
        ({"status": "gone"}, "status"),
    ],
)
def test_a_bad_change_is_a_422_that_names_it(scientist, change, field):
    FeatureFactory(feature_name="kept")

    answer = scientist.put(f"{FEATURES}/kept", change)

    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["loc"]
