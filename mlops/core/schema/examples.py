"""Examples of requests and answers, as a test sends and gets them."""

import json
from pathlib import Path
from typing import Any

from mlops.core.schema.walk import Document, operations

FILE = Path(__file__).with_suffix(".json")
"""By operation: its parameters, its body with the media type, and the answer."""


def show(document: Document) -> None:
    """Add the examples to the operations that they are of."""
    written: dict[str, Any] = json.loads(FILE.read_text())
    for _path, _method, operation in operations(document):
        if example := written.get(operation["operationId"]):
            _show(operation, example)


def _show(operation: dict[str, Any], example: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["name"] in example["parameters"]:
            parameter["example"] = example["parameters"][parameter["name"]]
    if "request" in example:
        bodies = operation["requestBody"]["content"]
        bodies[example["media"]]["example"] = example["request"]
    if "answer" in example:
        answer = operation["responses"][example["status"]]
        answer["content"]["application/json"]["example"] = example["answer"]
