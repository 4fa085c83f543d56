"""Quality rules as data: suggested from a profile, checked in one pass."""

from datasets.analytics.quality.check import evaluate
from datasets.analytics.quality.rules import (
    KINDS,
    REVISION,
    KindDescription,
    Parameter,
    QualityReport,
    RuleKind,
    RuleResult,
    RuleSpec,
    Severity,
)
from datasets.analytics.quality.suggest import suggest
from datasets.analytics.quality.validation import validate

__all__ = [
    "KINDS",
    "REVISION",
    "KindDescription",
    "Parameter",
    "QualityReport",
    "RuleKind",
    "RuleResult",
    "RuleSpec",
    "Severity",
    "evaluate",
    "suggest",
    "validate",
]
