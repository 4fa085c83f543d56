"""Whether a value is what the document says, by JSON Schema."""

import json
from functools import cached_property

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator


class Shapes:
    """The document of the API, and checks against the schemas in it."""

    @cached_property
    def document(self):
        made = SchemaGenerator().get_schema(request=None, public=True)
        return json.loads(json.dumps(made))

    @cached_property
    def _components(self):
        return {"components": as_json_schema(self.document["components"])}

    def faults(self, schema, value):
        """Return what is wrong with a value, in words; nothing if it fits."""
        whole = {**as_json_schema(schema), **self._components}
        found = Draft202012Validator(whole).iter_errors(value)
        return [f"{one.json_path}: {one.message}"[:300] for one in found]

    def resolved(self, node):
        """Return the node, or what it refers to."""
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = self.document["components"][kind][name]
        return node


def as_json_schema(node):
    """Return an OpenAPI 3.0 schema as JSON Schema, where `nullable` is a type."""
    if isinstance(node, list):
        return [as_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: as_json_schema(one) for name, one in node.items()}
    if made.pop("nullable", None) is not True:
        return made
    return {"anyOf": [made, {"type": "null"}]}


SHAPES = Shapes()
