"""Assessments as the protocol shows them."""

from typing import Any

from lifecycle.mlflow.tracing.times import moment_text
from lifecycle.models import Assessment


def assessment_message(one: Assessment) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "assessment_id": one.pk,
        "assessment_name": one.name,
        "trace_id": one.trace_id,
        "source": {"source_type": one.source_type, "source_id": one.source_id},
        "create_time": moment_text(one.created_ms),
        "last_update_time": moment_text(one.updated_ms),
        one.kind: one.content,
        "valid": one.is_valid,
    }
    for name in ("span_id", "rationale", "metadata", "overrides"):
        if value := getattr(one, name):
            shown[name] = value
    return shown
