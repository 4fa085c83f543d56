"""Rules as data: checked at every new version, suggested, kept as history."""

import pytest

from datasets.models import DatasetVersion, QualityRule, QualityRun
from tests.datasets.conftest import DATASETS

pytestmark = pytest.mark.django_db
GOOD = "symbol,close\nAAPL,101\nMSFT,99\nNVDA,7\n"
BAD = "symbol,close\nAAPL,101\n,-5\nNVDA,7\n"
PRICE = {
    "kind": "range",
    "columns": ["close"],
    "parameters": {"min": 0},
    "severity": "fail",
}


@pytest.fixture
def scientist(api, make_dataset):
    make_dataset("prices", GOOD)
    return api("data scientist")


@pytest.fixture
def rules(scientist):
    scientist.post(f"{DATASETS}/prices/rules", PRICE)
    scientist.post(
        f"{DATASETS}/prices/rules", {"kind": "not_null", "columns": ["symbol"]}
    )
    return scientist


def dataset():
    return QualityRule.objects.first().dataset


def test_a_new_version_is_checked_before_it_is_ready(rules, add_version):
    version = add_version(dataset(), BAD)

    run = QualityRun.objects.get(version=version)
    found = {result["kind"]: result for result in run.results}
    assert version.quality_status == "failed"
    assert version in DatasetVersion.objects.failing()
    assert (run.rule_count, run.failed_count, run.warned_count) == (2, 1, 1)
    assert found["range"]["violations"] == 1
    assert found["range"]["examples"][0]["values"]["close"] == -5
    assert found["not_null"]["share"] == pytest.approx(1 / 3)


def test_a_version_that_keeps_the_rules_passes(rules, add_version):
    version = add_version(dataset(), GOOD.replace("101", "102"))

    assert version.quality_status == "passed"
    assert version not in DatasetVersion.objects.failing()


def test_a_broken_warning_does_not_block(scientist, add_version):
    scientist.post(f"{DATASETS}/prices/rules", {**PRICE, "severity": "warn"})

    version = add_version(dataset(), BAD)

    assert version.quality_status == "warned"
    assert version not in DatasetVersion.objects.failing()


def test_a_rule_that_cannot_be_checked_has_not_passed(rules, add_version):
    version = add_version(dataset(), "symbol,price\nAAPL,1\n")

    result = next(r for r in version.quality_runs.get().results if r["kind"] == "range")
    assert (result["passed"], version.quality_status) == (None, "failed")
    assert "close" in result["message"]


def test_a_version_is_checked_on_demand_and_the_history_grows(rules):
    first = rules.post(f"{DATASETS}/prices/checks", {"version": "1"})
    rules.post(f"{DATASETS}/prices/checks", {})

    history = rules.get(f"{DATASETS}/prices/checks").json()

    assert (first.status_code, first.json()["status"]) == (201, "passed")
    assert [run["created_by"] for run in history] == ["data-scientist"] * 2
    assert rules.get(f"{DATASETS}/prices").json()["quality_status"] == "passed"


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"kind": "magic"}, 422, "kind"),
        ({"columns": ["nope"]}, 400, "columns"),
        ({"columns": []}, 422, "columns"),
        ({"parameters": {"least": 1}}, 422, "parameters"),
        ({"severity": "loud"}, 422, "severity"),
        ({"columns": ["symbol"]}, 422, "columns"),
        (
            {"kind": "regex", "columns": ["symbol"], "parameters": {"pattern": "("}},
            422,
            "p",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_by_name(scientist, change, status, field):
    answer = scientist.post(f"{DATASETS}/prices/rules", {**PRICE, **change})

    body = answer.json()
    assert answer.status_code == status, body
    assert any(field in str(part) for part in body["errors"][0]["loc"])
    assert not QualityRule.objects.exists()


def test_a_parameter_that_is_not_known_is_told_the_known_ones(scientist):
    stale = {"kind": "freshness", "columns": ["date"], "parameters": {"days": 1}}

    answer = scientist.post(f"{DATASETS}/prices/rules", stale)

    assert answer.json()["detail"] == "freshness takes no 'days', but max_age_hours."


def test_a_rule_can_be_changed_switched_off_and_deleted(rules, add_version):
    url = f"{DATASETS}/prices/rules/{QualityRule.objects.first().pk}"

    changed = rules.patch(url, {"parameters": {"min": -10}, "is_enabled": False})
    deleted = rules.delete(url)

    assert (changed.json()["parameters"], changed.json()["is_enabled"]) == (
        {"min": -10},
        False,
    )
    assert deleted.status_code == 204
    assert rules.get(url).json()["code"] == "rule_not_found"
    assert rules.get(f"{DATASETS}/prices/rules/not-an-id").status_code == 404


def test_a_foreign_key_is_checked_against_another_dataset(scientist, make_dataset):
    make_dataset("symbols", "name\nAAPL\nMSFT\n")
    rule = {
        "kind": "foreign_key",
        "columns": ["symbol"],
        "parameters": {"dataset": "symbols", "column": "name"},
    }
    assert scientist.post(f"{DATASETS}/prices/rules", rule).status_code == 201

    run = scientist.post(f"{DATASETS}/prices/checks", {}).json()

    (result,) = run["results"]
    assert (run["status"], result["violations"]) == ("warned", 1)
    assert result["examples"][0]["values"]["symbol"] == "NVDA"


def test_suggested_rules_can_be_taken_over_and_hold(scientist):
    suggested = scientist.get(f"{DATASETS}/prices/rules/suggestions").json()
    for rule in suggested:
        assert scientist.post(f"{DATASETS}/prices/rules", rule).status_code == 201, rule

    run = scientist.post(f"{DATASETS}/prices/checks", {}).json()

    assert {"not_null", "row_count"} <= {rule["kind"] for rule in suggested}
    assert run["status"] == "passed"


def test_a_viewer_reads_rules_and_changes_none(rules, api):
    viewer = api("viewer")

    assert len(viewer.get(f"{DATASETS}/prices/rules").json()) == 2
    assert viewer.get(f"{DATASETS}/prices/checks").status_code == 200
    assert viewer.post(f"{DATASETS}/prices/rules", PRICE).status_code == 403
    assert viewer.post(f"{DATASETS}/prices/checks", {}).status_code == 403
