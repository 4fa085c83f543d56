"""Descriptions of fields and parameters that no serializer describes itself."""

import tomllib
from pathlib import Path
from typing import Any

from mlops.core.schema.walk import Document, operations

_FILE = Path(__file__).with_name("glossary.toml")


def describe(document: Document) -> None:
    """Fill in what has no description: a field of a schema, else one of its name."""
    words = tomllib.loads(_FILE.read_text())
    for name, schema in document["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            found = words["fields"].get(f"{name}.{field}", words["fields"].get(field))
            if found and not part.get("description"):
                _add(part, found)
    for _path, _method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            found = words["parameters"].get(parameter["name"])
            if found:
                parameter.setdefault("description", found)


def _add(part: dict[str, Any], text: str) -> None:
    """Describe a field; what stands beside a reference would not be read."""
    if "$ref" in part:
        part["allOf"] = [{"$ref": part.pop("$ref")}]
    part["description"] = text
