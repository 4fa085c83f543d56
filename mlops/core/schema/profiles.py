"""The second document: the same server, as the first client of the API names it.

A client cannot have both in one: the path key of an experiment and the closed list
of deployment statuses differ. On the wire nothing does.
"""

import copy
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from mlops.core.schema.walk import Document

_EXPERIMENT = "/api/v1/ml/lifecycle/experiments/"
_STATUSES = ["pending", "validating", "deploying", "active", "failed", "rollback"]


def seed(document: Document) -> Document:
    """Return a copy of the document in the first client's words."""
    result = copy.deepcopy(document)
    result["paths"] = {
        _renamed(path): _with_experiment_id(path, methods)
        for path, methods in result["paths"].items()
    }
    status = result["components"]["schemas"].get("DeploymentStatus")
    if status is not None:
        status["enum"] = _STATUSES
    return result


def _renamed(path: str) -> str:
    if path.startswith(f"{_EXPERIMENT}{{name}}"):
        return path.replace("{name}", "{experiment_id}")
    return path


def _with_experiment_id(path: str, methods: dict[str, Any]) -> dict[str, Any]:
    if _renamed(path) != path:
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if (parameter["in"], parameter["name"]) == ("path", "name"):
                    parameter["name"] = "experiment_id"
    return methods


class SeedGenerator(SchemaGenerator):
    """Makes the second document (`spectacular --generator-class …`)."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        document = super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]  # theirs
        return seed(document)
