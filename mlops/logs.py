"""The log lines of every process: for people, or one JSON object a line.

The standard library alone: model processes in interpreters of their own import it.
"""

import json
import logging
import os
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)
FIELDS = (
    *("request_id", "trace_id", "span_id", "user", "key", "method", "route"),
    *("status", "duration_ms", "environment", "model", "deployment"),
)
"""What a line may say beside time, level, logger and message; `duration_ms` in ms."""

context: ContextVar[Mapping[str, Any]] = ContextVar(
    "log_context", default=MappingProxyType({})
)
"""The fields of every line that is written while a request is answered."""


def moment(record: logging.LogRecord) -> str:
    """Return a record's time in UTC, with milliseconds and a Z."""
    at = datetime.fromtimestamp(record.created, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a line: the record's own before those of the request."""
    own, around = record.__dict__, context.get()
    found = {name: own.get(name, around.get(name)) for name in FIELDS}
    return {name: value for name, value in found.items() if value not in (None, "")}


def one_line(text: str) -> str:
    """Return a message without line breaks: what a client sends begins no line."""
    return text.rstrip().replace("\r", "\\r").replace("\n", "\\n")


class TextFormatter(logging.Formatter):
    """`time LEVEL logger: message [request id]`, and a traceback below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        message = one_line(record.message)
        text = f"{moment(record)} {record.levelname} {record.name}: {message}"
        request_id = str(fields_of(record).get("request_id", ""))
        return text if request_id in message else f"{text} [{request_id}]"


class ProcessTextFormatter(logging.Formatter):
    """`time LEVEL message`, as the log of one model's process has it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        message = one_line(record.message)
        return f"{moment(record)} {record.levelname} {message}"


class JsonFormatter(logging.Formatter):
    """One object a line; a traceback is its `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line, default=str)


def formatter(kind: str) -> logging.Formatter:
    """Return the formatter of `text` or `json`."""
    return JsonFormatter() if kind == JSON else TextFormatter()


def is_json() -> bool:
    """Whether this process's environment asks for JSON; its settings hold the same."""
    return os.environ.get("MLOPS_LOG_FORMAT") == JSON


def chosen() -> logging.Formatter:
    """Return the environment's formatter, for a server that reads no settings."""
    return formatter(JSON if is_json() else TEXT)


def log_to_stderr(
    formatter: logging.Formatter, level: str | int = logging.INFO
) -> None:
    """Have this process log to standard error, and nowhere else."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
