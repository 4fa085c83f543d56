"""Features are bound: their figures, lineage and events follow a dataset's column."""

import pytest

from datasets import drift_reports
from datasets.analytics.ingest import REVISION
from datasets.models import (
    BindingTarget,
    Dataset,
    DatasetEvent,
    Feature,
    FeatureBinding,
)
from tests.datasets.conftest import DATASETS
from tests.datasets.factories import FeatureFactory

pytestmark = pytest.mark.django_db
FEATURES = "/api/v1/features"
SHOP = (
    "day,shop,price,cost,note\n"
    "2024-01-01,a,1,2,x\n2024-01-02,b,2,0,y\n2024-01-03,a,3,4,z\n"
)
BODY = {
    "feature_name": "price_x",
    "feature_type": "numerical",
    "data_type": "float",
    "description": "The price of a thing",
    "owner": "somebody",
}
BOUND = {
    "dataset": "shop",
    "column": "price",
    "entity_key": ["shop"],
    "event_time": "day",
}


@pytest.fixture
def shop(make_dataset):
    return make_dataset("shop", SHOP)


@pytest.fixture
def scientist(api):
    return api("data scientist")


def kinds(dataset):
    events = DatasetEvent.objects.filter(dataset=dataset).order_by("created_at", "pk")
    return sorted((one.version_number, one.kind) for one in events)


def test_a_bound_feature_from_upload_to_its_break(
    shop, scientist, add_version, make_dataset
):
    made = scientist.post(FEATURES, {**BODY, "binding": BOUND})
    make_dataset("other", "price,price_x\n1000,1000\n3000,3000\n")
    scientist.post(f"{FEATURES}/price_x/activate")
    use = {
        "feature_name": "price_x",
        "feature_version": "1.0.0",
        "used_by_model": "pricer",
        "model_version": "3",
        "environment": "production",
    }
    used = scientist.post(f"{FEATURES}/usage", use).json()

    assert made.status_code == 201
    body = scientist.get(f"{FEATURES}/price_x").json()
    assert body["statistics"]["mean"] == 2
    assert body["binding_state"] == "bound"
    assert body["binding"] == {
        "dataset": "shop",
        "dataset_id": str(shop.pk),
        "column": "price",
        "entity_key": ["shop"],
        "event_time": "day",
        "types": {"shop": "VARCHAR", "day": "DATE", "price": "BIGINT"},
        "state": "bound",
        "origin": "person",
        "bound_by": "data-scientist",
        "bound_at": body["binding"]["bound_at"],
    }
    assert (used["dataset_name"], used["dataset_version"]) == ("shop", 1)

    add_version(shop, SHOP + "2024-01-04,b,6,1,w\n")
    figures = scientist.get(f"{FEATURES}/price_x/statistics").json()
    assert (figures["statistics"]["mean"], figures["dataset_version"]) == (3, 2)
    assert kinds(shop) == []

    add_version(shop, "day,shop,cost\n2024-01-05,a,1\n")
    gone = scientist.get(f"{FEATURES}/price_x").json()
    assert (gone["binding_state"], gone["binding"]["broken_since"]) == ("broken", 3)
    assert gone["statistics_reason"] == (
        "Broken since version 3 of shop: its column was removed."
    )
    assert "statistics" not in gone
    assert kinds(shop) == [(3, "columns_removed"), (3, "feature_broken")]
    (event,) = scientist.get(f"{FEATURES}/price_x/events").json()["events"]
    assert "pricer:3" in event["message"]
    assert (event["severity"], event["version"]) == ("high", 3)

    add_version(shop, SHOP + "2024-01-06,b,9,1,w\n")
    back = scientist.get(f"{FEATURES}/price_x").json()
    assert (back["binding_state"], "broken_since" in back["binding"]) == (
        "bound",
        False,
    )
    assert back["statistics"]["max"] == 9
    listed = scientist.get(f"{DATASETS}/shop/events").json()
    assert [one["kind"] for one in listed] == [
        "feature_mended",
        "feature_broken",
        "columns_removed",
    ]


def test_an_unbound_feature_waits_and_says_why(shop, scientist, make_dataset):
    make_dataset("other", "price\n1000\n3000\n")
    scientist.post(FEATURES, {**BODY, "feature_name": "price"})
    FeatureFactory(feature_name="margin", upstream_features=["price"])

    body = scientist.get(f"{FEATURES}/price").json()
    figures = scientist.get(f"{FEATURES}/price/statistics").json()

    assert body["binding_state"] == "unbound"
    assert body["statistics_reason"].startswith("The feature is bound to no column")
    assert not {"binding", "statistics"} & set(body)
    assert figures["statistics"] == {}
    assert figures["statistics_reason"] == body["statistics_reason"]
    assert "dataset_name" not in figures
    lineage = scientist.get(f"{FEATURES}/price/lineage").json()
    assert lineage["all_downstream"] == ["margin"]
    compared = scientist.get(f"{DATASETS}/shop/lineage").json()
    assert "feature" not in {node["kind"] for node in compared["nodes"]}

    scientist.put(f"{FEATURES}/price", {"binding": BOUND})
    bound = scientist.get(f"{FEATURES}/price").json()
    assert bound["statistics"]["mean"] == 2
    scientist.put(f"{FEATURES}/price", {"binding": None})
    assert scientist.get(f"{FEATURES}/price").json()["binding_state"] == "unbound"
    assert not FeatureBinding.objects.exists()


def test_the_statistics_of_a_formula_are_of_its_values(shop, scientist, add_version):
    formula = {"dataset": "shop", "expression": "(price - cost) / 2"}

    made = scientist.post(FEATURES, {**BODY, "binding": formula}).json()

    assert made["statistics"]["mean"] == 0
    assert (made["statistics"]["min"], made["statistics"]["max"]) == (-0.5, 1)
    assert made["binding"]["types"] == {"price": "BIGINT", "cost": "BIGINT"}
    version = add_version(shop, SHOP.replace(",1,2,x", ",9,1,x"))
    (row,) = scientist.get(FEATURES).json()["features"]
    assert "not computed" in row["statistics_reason"]
    drift_reports.catch_up()
    (row,) = scientist.get(FEATURES).json()["features"]
    assert row["statistics"]["max"] == 4
    figures = scientist.get(f"{FEATURES}/price_x/statistics").json()
    assert figures["dataset_version"] == version.number
    assert figures["statistics"]["count"] == 3


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"column": "prize"}, 422, "binding.column"),
        ({"column": "Price"}, 422, "binding.column"),
        ({"column": " price"}, 422, "binding.column"),
        ({"entity_key": ["shop", "id"]}, 422, "binding.entity_key"),
        ({"entity_key": ["shop", "shop"]}, 422, "binding.entity_key"),
        ({"event_time": "when"}, 422, "binding.event_time"),
        ({"event_time": "shop"}, 422, "binding.event_time"),
        ({"dataset": "nowhere"}, 404, "binding.dataset"),
        ({"column": None}, 422, "binding.column"),
        ({"expression": "price"}, 422, "binding.column"),
        ({"column": None, "expression": "prize + 1"}, 422, "binding.expression"),
        ({"column": None, "expression": "note + 1"}, 422, "binding.expression"),
        ({"column": None, "expression": "price; x"}, 422, "binding.expression"),
        ({"surprise": 1}, 422, "binding.surprise"),
        ({"entity_key": "shop"}, 422, "binding.entity_key"),
    ],
)
def test_a_binding_that_fits_nothing_is_refused_by_its_field(
    shop, scientist, change, status, field
):
    made = scientist.post(FEATURES, {**BODY, "binding": {**BOUND, **change}})

    assert made.status_code == status, made.json()
    assert ".".join(made.json()["errors"][0]["loc"]) == f"body.{field}"
    assert not Feature.objects.exists()

    FeatureFactory(feature_name="kept", binding=BindingTarget("shop", "cost"))
    put = scientist.put(f"{FEATURES}/kept", {"binding": {**BOUND, **change}})
    assert put.status_code == status
    assert Feature.objects.get().binding.column == "cost"


def test_a_dataset_that_was_not_read_yet_binds_nothing(scientist, data_dir):
    Dataset.objects.create(name="shop")

    made = scientist.post(FEATURES, {**BODY, "binding": BOUND})

    assert (made.status_code, made.json()["code"]) == (409, "not_ready")


@pytest.mark.parametrize(
    ("later", "kind", "reason"),
    [
        ("price\nmany\n", "columns_became_text", "went from BIGINT to VARCHAR"),
        ("price\n1.5\n", "columns_retyped", "went from BIGINT to DOUBLE"),
        ("Price\n1\n", "columns_removed", "was removed"),
        ("price\n2024-01-01\n", "columns_retyped", "went from BIGINT to DATE"),
    ],
)
def test_a_column_that_changes_breaks_what_is_bound_to_it(
    make_dataset, add_version, later, kind, reason
):
    dataset = make_dataset("shop", "price\n1\n2\n")
    column = FeatureFactory(binding=BindingTarget("shop", "price"))
    formula = FeatureFactory(binding=BindingTarget("shop", expression="price * 2"))

    add_version(dataset, later)

    for feature in (column, formula):
        feature.refresh_from_db()
        assert feature.binding_state == "broken"
        assert reason in feature.statistics_reason
        assert "since version 2" in feature.statistics_reason
    assert kinds(dataset).count((2, kind)) == 1
    assert kinds(dataset).count((2, "feature_broken")) == 2


def test_a_new_version_that_breaks_nothing_is_no_event(make_dataset, add_version):
    dataset = make_dataset("shop", "price\n1\n2\n")
    feature = FeatureFactory(binding=BindingTarget("shop", "price"))

    add_version(dataset, "size,price\n1,2\n3,4\n")

    feature.refresh_from_db()
    assert feature.binding_state == "bound"
    assert not DatasetEvent.objects.exists()


def test_a_broken_feature_keeps_since_when_and_breaks_once(make_dataset, add_version):
    dataset = make_dataset("shop", "price,cost\n1,1\n2,2\n")
    feature = FeatureFactory(binding=BindingTarget("shop", "price"))
    add_version(dataset, "cost\n1\n")
    add_version(dataset, "cost\n2\n")

    assert feature.binding.broken_since == 2
    assert kinds(dataset).count((2, "feature_broken")) == 1
    assert len(kinds(dataset)) == 2


def test_an_older_version_made_current_mends_the_feature(make_dataset, add_version):
    dataset = make_dataset("shop", "price,cost\n1,1\n2,2\n")
    feature = FeatureFactory(binding=BindingTarget("shop", "price"))
    add_version(dataset, "cost\n1\n")

    add_version(dataset, "price,cost\n1,1\n2,2\n")

    feature.refresh_from_db()
    assert feature.binding_state == "bound"
    assert (1, "feature_mended") in kinds(dataset)


def test_a_deleted_dataset_leaves_its_features_broken(shop, scientist):
    scientist.post(FEATURES, {**BODY, "binding": BOUND})

    assert scientist.delete(f"{DATASETS}/shop").status_code == 204

    body = scientist.get(f"{FEATURES}/price_x").json()
    assert body["binding_state"] == "broken"
    assert body["statistics_reason"] == "Broken: its dataset shop was deleted."
    assert "dataset_id" not in body["binding"]
    (event,) = scientist.get(f"{FEATURES}/price_x/events").json()["events"]
    assert (event["dataset_name"], event["kind"]) == ("shop", "feature_broken")


def test_types_that_differ_by_the_rules_alone_break_nothing_and_are_said_once(
    make_dataset, add_version, scientist
):
    dataset = make_dataset("shop", "price,code\n1,007\n2,008\n")
    first = dataset.current_version
    # As a release with the first rules read these bytes.
    first.columns.filter(name="code").update(data_type="BIGINT")
    type(first).objects.filter(pk=first.pk).update(
        type_rules=1, digest="0" * 64, content_digest=""
    )
    feature = FeatureFactory(binding=BindingTarget("shop", "code"))
    rule = {"kind": "type", "columns": ["code"], "parameters": {"type": "integer"}}
    scientist.post(f"{DATASETS}/shop/rules", rule, format="json")

    second = add_version(dataset, "price,code\n1,007\n2,008\n")
    add_version(dataset, "price,code\n1,009\n2,008\n")

    feature.refresh_from_db()
    assert (second.number, second.type_rules) == (2, REVISION)
    assert feature.binding_state == "bound"
    assert feature.binding.types == {"code": "VARCHAR"}
    (event,) = DatasetEvent.objects.all()
    assert (event.kind, event.severity, event.version_number) == (
        "types_by_rules",
        "low",
        2,
    )
    assert event.columns == [{"name": "code", "before": "BIGINT", "after": "VARCHAR"}]
    reports = [one.report.get("types_by_rules") for one in dataset.versions.all()]
    assert [one and one["revisions"] for one in reversed(reports)] == [
        None,
        [1, REVISION],
        None,
    ]
    checks = scientist.get(f"{DATASETS}/shop/checks").json()
    messages = [check["results"][0]["message"] for check in reversed(checks)]
    alone = f"differs by the type rules alone (revision 1 to {REVISION})"
    assert alone in messages[0]
    assert messages[1] == ""
    compared = scientist.get(f"{DATASETS}/shop/compare?version=2&with=1").json()
    assert compared["retyped_by_rules"]
    assert compared["breaks"] == []


def test_the_list_is_narrowed_by_dataset_and_state(shop, scientist, add_version):
    FeatureFactory(feature_name="free")
    FeatureFactory(feature_name="whole", binding=BindingTarget("shop", "cost"))
    FeatureFactory(feature_name="torn", binding=BindingTarget("shop", "note"))
    add_version(shop, "day,shop,price,cost\n2024-01-01,a,1,2\n")

    def names(**query):
        found = scientist.get(FEATURES, query).json()["features"]
        return {item["feature_name"] for item in found}

    assert names(dataset="shop") == {"whole", "torn"}
    assert names(binding_state="broken") == {"torn"}
    assert names(binding_state="bound") == {"whole"}
    assert names(binding_state="unbound") == {"free"}
    assert scientist.get(FEATURES, {"binding_state": "x"}).status_code == 400


def test_labels_of_tables_bind_nothing_and_are_given_back(shop, scientist):
    labels = {"duckdb_table": "shop", "duckdb_view": "price"}

    made = scientist.post(FEATURES, {**BODY, "feature_name": "price", **labels}).json()

    assert {name: made[name] for name in labels} == labels
    assert made["binding_state"] == "unbound"
