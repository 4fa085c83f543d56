"""`traces.json`, the file in which clients before OTLP send and fetch spans.

A client of 2.x writes spans with a `context` and hexadecimal ids, one of 3.x with the
names of OpenTelemetry; in both each attribute's value is JSON as text.
"""

import base64
import json
import re
from typing import Any, Final

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.tracing.values import TooDeep, attribute, find, to_python
from lifecycle.spans import Span, encoded

NAME: Final = "traces.json"
REQUEST_ID: Final = "mlflow.traceRequestId"
INPUTS, OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
_HEX: Final = re.compile(r"(?:0x)?([0-9a-f]+)")
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
_CODES: Final = {"OK": "STATUS_CODE_OK", "ERROR": "STATUS_CODE_ERROR"}
_UNSET: Final = "STATUS_CODE_UNSET"


def read(body: bytes) -> list[Span]:
    """Return the spans of a file. Raises InvalidValue for any other content."""
    try:
        spans = json.loads(body)["spans"]
        return [_span(span) for span in spans]
    except (*(KeyError, TypeError, ValueError), *(AttributeError, RecursionError)):
        raise InvalidValue(f"{NAME} does not hold the spans of a trace.") from None
    except TooDeep:
        raise InvalidValue("An attribute of a span is nested too deeply.") from None


def written(spans: list[Span], request_id: str, *, for_2: bool) -> bytes:
    """Return the file with these spans, as a client of 2.x or a newer one reads it."""
    if not for_2:
        return encoded({"spans": [_in_3(span, request_id) for span in spans]})
    root = spans[0].get("attributes", []) if spans else []
    whole = {
        "spans": [_in_2(span, request_id) for span in spans],
        "request": _as_text(find(root, INPUTS)),
        "response": _as_text(find(root, OUTPUTS)),
    }
    return encoded(whole)


def _span(span: dict[str, Any]) -> Span:
    named = _of_2(span) if "context" in span else _of_3(span)
    attributes = [
        attribute(key, _parsed(text)) for key, text in span["attributes"].items()
    ]
    return {
        **{key: value for key, value in named.items() if value},
        **({"attributes": attributes} if attributes else {}),
    }


def _of_2(span: dict[str, Any]) -> Span:
    status = {
        "message": span["status_message"],
        "code": _CODES.get(span["status_code"]),
    }
    return {
        "trace_id": _id(span["context"]["trace_id"], _TRACE_DIGITS),
        "span_id": _id(span["context"]["span_id"], _SPAN_DIGITS),
        "parent_span_id": _id(span["parent_id"], _SPAN_DIGITS),
        "name": str(span["name"]),
        "start_time_unix_nano": int(span["start_time"]),
        "end_time_unix_nano": int(span["end_time"] or 0),
        "events": [_event(event, event["timestamp"]) for event in span["events"]],
        "status": {key: value for key, value in status.items() if value},
    }


def _of_3(span: dict[str, Any]) -> Span:
    code = span["status"]["code"]
    status = {
        "message": span["status"].get("message"),
        "code": _CODES.get(code, code if code in _CODES.values() else None),
    }
    return {
        "trace_id": _id(span["trace_id"], _TRACE_DIGITS),
        "span_id": _id(span["span_id"], _SPAN_DIGITS),
        "parent_span_id": _id(span.get("parent_span_id"), _SPAN_DIGITS),
        "name": str(span["name"]),
        "start_time_unix_nano": int(span["start_time_unix_nano"]),
        "end_time_unix_nano": int(span.get("end_time_unix_nano") or 0),
        "events": [
            _event(event, event["time_unix_nano"]) for event in span.get("events") or []
        ],
        "links": [_link(link) for link in span.get("links") or []],
        "status": {key: value for key, value in status.items() if value},
    }


def _event(event: dict[str, Any], at_ns: Any) -> dict[str, Any]:
    attributes = event.get("attributes") or {}
    return {
        "time_unix_nano": int(at_ns),
        "name": str(event["name"]),
        "attributes": [attribute(key, value) for key, value in attributes.items()],
    }


def _link(link: dict[str, Any]) -> dict[str, Any]:
    attributes = link.get("attributes") or {}
    return {
        "trace_id": _id(link["trace_id"].removeprefix("tr-"), _TRACE_DIGITS),
        "span_id": _id(link["span_id"], _SPAN_DIGITS),
        "attributes": [attribute(key, value) for key, value in attributes.items()],
    }


def _in_3(span: Span, request_id: str) -> dict[str, Any]:
    status = span.get("status", {})
    return {
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "parent_span_id": span.get("parent_span_id"),
        "name": span.get("name", ""),
        "start_time_unix_nano": span.get("start_time_unix_nano", 0),
        "end_time_unix_nano": span.get("end_time_unix_nano"),
        "events": [
            {
                "name": event.get("name", ""),
                "time_unix_nano": event.get("time_unix_nano", 0),
                "attributes": _plain(event),
            }
            for event in span.get("events", [])
        ],
        "status": {
            "code": status.get("code", _UNSET),
            "message": status.get("message", ""),
        },
        "attributes": _texts(span, request_id),
        "links": [
            {
                "trace_id": f"tr-{_hex(link.get('trace_id', ''))}",
                "span_id": _hex(link.get("span_id", "")),
                "attributes": _plain(link),
            }
            for link in span.get("links", [])
        ],
    }


def _in_2(span: Span, request_id: str) -> dict[str, Any]:
    status = span.get("status", {})
    code = status.get("code", _UNSET)
    parent = span.get("parent_span_id")
    return {
        "name": span.get("name", ""),
        "context": {
            "span_id": _hex(span["span_id"]),
            "trace_id": _hex(span["trace_id"]),
        },
        "parent_id": _hex(parent) if parent else None,
        "start_time": span.get("start_time_unix_nano", 0),
        "end_time": span.get("end_time_unix_nano"),
        "status_code": code.removeprefix("STATUS_CODE_"),
        "status_message": status.get("message", ""),
        "attributes": _texts(span, request_id),
        "events": [
            {
                "name": event.get("name", ""),
                "timestamp": event.get("time_unix_nano", 0),
                "attributes": _plain(event),
            }
            for event in span.get("events", [])
        ],
    }


def _texts(span: Span, request_id: str) -> dict[str, str]:
    """Return the attributes, values as JSON text; clients want the id of the trace."""
    plain = {**_plain(span), REQUEST_ID: request_id}
    return {key: json.dumps(value, ensure_ascii=False) for key, value in plain.items()}


def _plain(holder: dict[str, Any]) -> dict[str, Any]:
    return {
        pair["key"]: to_python(pair.get("value", {}))
        for pair in holder.get("attributes", [])
    }


def _as_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _parsed(text: Any) -> Any:
    """Return what an attribute's text says; text that is no JSON stands for itself."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _id(text: str | None, digits: int) -> str:
    """Return an id in base64, from hexadecimal digits or base64; "" for none."""
    if not text:
        return ""
    if (found := _HEX.fullmatch(text)) and len(found[1]) <= digits:
        return base64.b64encode(bytes.fromhex(found[1].zfill(digits))).decode()
    if len(raw := base64.b64decode(text, validate=True)) * 2 != digits:
        raise ValueError(text)
    return base64.b64encode(raw).decode()


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()
