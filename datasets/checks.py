"""Runs the quality rules of a dataset over a version, and keeps what they found."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from datasets import storage
from datasets.analytics import quality
from datasets.analytics.errors import AnalyticsError
from datasets.models import Dataset, DatasetVersion, QualityRun
from datasets.stored_answers import dumps
from mlops.core.models import User

Results = list[dict[str, Any]]


def results(version: DatasetVersion) -> Results:
    """Return the result of each enabled rule of the dataset.

    `passed` is None if a rule could not be checked, for whatever reason: then it has
    not passed.
    """
    rules = [rule.as_rule() for rule in version.dataset.rules.enabled()]
    if not rules:
        return []
    try:
        report = quality.evaluate(
            storage.data_path(version.digest), rules, references=_references(rules)
        )
    except AnalyticsError as error:
        found = [quality.RuleResult(rule, None, error.message) for rule in rules]
    else:
        found = list(report.results)
    return [_shown(_explained(result, version)) for result in found]


def _explained(
    result: quality.RuleResult, version: DatasetVersion
) -> quality.RuleResult:
    """Say of a type that is not the rule's when the type rules alone made it so."""
    if result.rule.kind != quality.RuleKind.TYPE or result.passed is not False:
        return result
    earlier = version.predecessor
    if earlier is None or not version.differs_by_rules_only(earlier):
        return result
    (name,) = result.rule.columns
    before = earlier.columns.filter(name=name).first()
    if before is None or before.data_type == result.observed:
        return result
    message = (
        f"The bytes are those of version {earlier.number}, where the type was"
        f" {before.data_type}: it differs by the type rules alone (revision"
        f" {earlier.type_rules} to {version.type_rules})."
    )
    return replace(result, message=message)


def keep(
    version: DatasetVersion, found: Results, *, by: User | None = None
) -> QualityRun | None:
    """Store the results, if there were rules."""
    return QualityRun.write(version, found, by=by) if found else None


def check(version: DatasetVersion, *, by: User | None) -> QualityRun:
    """Check a version now, by the current rules. Raises NotReady or Purged."""
    return QualityRun.write(version.require_content(), results(version), by=by)


def _references(rules: Iterable[quality.RuleSpec]) -> dict[str, Path]:
    """Return the current content of each dataset that a foreign key names."""
    names = {
        rule.parameters["dataset"]
        for rule in rules
        if rule.kind == quality.RuleKind.FOREIGN_KEY
    }
    datasets = Dataset.objects.filter(
        name__in=names, current_version__purged_at=None
    ).exclude(current_version=None)
    return {
        dataset.name: storage.data_path(dataset.current_version.digest)
        for dataset in datasets.select_related("current_version")
        if dataset.current_version
    }


def _shown(result: quality.RuleResult) -> dict[str, Any]:
    """Return a result as JSON values, its rule's fields beside its own."""
    body: dict[str, Any] = orjson.loads(dumps(result))
    rule = body.pop("rule")
    return {
        "rule_id": rule["id"],
        "kind": rule["kind"],
        "columns": rule["columns"],
        "parameters": rule["parameters"],
        "severity": rule["severity"],
        **body,
    }
