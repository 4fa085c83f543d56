"""What the operations of lifecycle share: tags, given fields."""

from collections.abc import Mapping
from typing import Any

TAGS = ["Model Lifecycle", "ML"]


def given(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return those fields that the body has; null means the same as left out."""
    return {name: body[name] for name in names if body.get(name) is not None}
