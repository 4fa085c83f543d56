"""Assessments: what people, programs and judges say of a trace."""

import json
import re
import uuid
from typing import Any, Final

from django.db import connection

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fields import Fields, missing
from lifecycle.mlflow.limits import MAX_KEY
from lifecycle.mlflow.messages.assessments import assessment_message
from lifecycle.mlflow.tracing.maps import part, texts
from lifecycle.mlflow.tracing.times import moment_ms
from lifecycle.models import Assessment
from lifecycle.states import AssessmentKind
from lifecycle.store import assessments
from lifecycle.store.assessments import NewAssessment
from lifecycle.times import now_ms

_SOURCES: Final = ("SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE")
_LEGACY_SOURCES: Final = ("AI_JUDGE",)
_MAX_ID: Final = 50
_CAPITAL: Final = re.compile(r"([A-Z])")
_CHANGEABLE: Final = frozenset(
    {"assessment_name", "feedback", "expectation", "rationale", "metadata", "valid"}
)


def create(call: MlflowCall) -> Answer:
    new = read(part(call.fields, "assessment"), call.path["trace_id"])
    with connection.cursor() as cursor:
        assessments.create(cursor, new)
    return _shown(new.trace, new.pk)


def show(call: MlflowCall) -> Answer:
    return _shown(call.path["trace_id"], call.path["assessment_id"])


def change(call: MlflowCall) -> Answer:
    """Replace what `update_mask` names; the kind of an assessment stays."""
    trace, pk = call.path["trace_id"], call.path["assessment_id"]
    told = part(call.fields, "assessment")
    names = _mask(call.fields)
    at_ms = now_ms()
    with connection.cursor() as cursor:
        held = assessments.lock(cursor, trace, pk)
        changes = _changes(told, names, held.kind)
        assessments.change(cursor, trace, pk, changes, at_ms=at_ms)
    return _shown(trace, pk)


def delete(call: MlflowCall) -> Answer:
    with connection.cursor() as cursor:
        assessments.delete(cursor, call.path["trace_id"], call.path["assessment_id"])
    return NOTHING


def read(told: Fields, trace: str) -> NewAssessment:
    """Return what a message says of the trace. Raises InvalidValue."""
    kind, content = _content(told)
    source = part(told, "source")
    created = told.text("create_time")
    changed = told.text("last_update_time")
    created_ms = moment_ms(created, "create_time") if created else now_ms()
    return NewAssessment(
        pk=_id(told, "assessment_id") or f"a-{uuid.uuid4().hex}",
        trace=trace,
        name=_name(told),
        kind=kind,
        content=content,
        source_type=_source_type(source),
        source_id=checks.short(source.text("source_id"), "source_id", MAX_KEY),
        span_id=_id(told, "span_id"),
        rationale=told.text("rationale"),
        metadata=texts(told, "metadata"),
        overrides=_id(told, "overrides"),
        is_valid=told.flag("valid", default=True),
        created_ms=created_ms,
        updated_ms=moment_ms(changed, "last_update_time") if changed else created_ms,
    )


def _shown(trace: str, pk: str) -> Answer:
    found = Assessment.objects.filter(pk=pk, trace=trace).first()
    if found is None:
        raise Missing(assessments.not_found(trace, pk).message)
    return {"assessment": assessment_message(found)}


def _content(told: Fields) -> tuple[AssessmentKind, dict[str, Any]]:
    """Return the kind and its message; exactly one of them must be there."""
    given = [kind for kind in AssessmentKind if told.has(kind)]
    if len(given) != 1:
        raise InvalidValue(
            "Assessment must have either a feedback or an expectation value. Issues "
            "are not kept here."
        )
    return given[0], _message(told, given[0])


def _message(told: Fields, kind: str) -> dict[str, Any]:
    value = told.values[kind]
    if not isinstance(value, dict):
        raise checks.invalid(kind, value, "It must be an object.")
    if kind == AssessmentKind.EXPECTATION and isinstance(
        value.get("value"), dict | list
    ):
        return {"serialized_value": _as_text(value["value"])}
    error = told.values.get("error")  # where clients of 3.0 and 3.1 wrote it
    return {**value, "error": error} if error and "error" not in value else value


def _as_text(value: Any) -> dict[str, str]:
    """Return a structure that is expected as MLflow's server answers it."""
    return {"serialization_format": "JSON_FORMAT", "value": json.dumps(value)}


def _changes(told: Fields, names: set[str], kind: AssessmentKind) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for other in AssessmentKind:
        if other in names and other != kind:
            raise InvalidValue(
                f"Cannot update {other} value on a {kind.capitalize()} assessment."
            )
    if kind in names:
        changes["content"] = _message(told, kind) if told.has(kind) else {}
    if "assessment_name" in names:
        changes["name"] = _name(told)
    if "rationale" in names:
        changes["rationale"] = told.text("rationale")
    if "metadata" in names:
        changes["metadata"] = texts(told, "metadata")
    if "valid" in names:
        changes["is_valid"] = told.flag("valid", default=True)
    return changes


def _mask(fields: Fields) -> set[str]:
    """Return the names in a field mask, which JSON writes in camel case."""
    text = fields.text("update_mask")
    names = {_CAPITAL.sub(r"_\1", name).lower() for name in text.split(",") if name}
    if not names:
        raise missing("update_mask")
    if unknown := names - _CHANGEABLE:
        raise checks.invalid(
            "update_mask", sorted(unknown), f"It may name {sorted(_CHANGEABLE)}."
        )
    return names


def _name(told: Fields) -> str:
    name = told.text("assessment_name", required=True)
    return checks.short(name, "assessment_name", MAX_KEY)


def _id(told: Fields, name: str) -> str:
    return checks.short(told.text(name), name, _MAX_ID)


def _source_type(source: Fields) -> str:
    value = source.values.get("source_type") or _SOURCES[0]
    if isinstance(value, int) and 0 < value < len(_SOURCES):
        value = _SOURCES[value]
    if value not in (*_SOURCES, *_LEGACY_SOURCES):
        raise checks.invalid("source_type", value, f"It must be one of {_SOURCES[1:]}.")
    return str(value)
