"""Rows and times in templates, as the rest of the admin shows them."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from mlops.core.pages import address_of, moment

register = template.Library()
register.filter("address", address_of)
register.filter("moment", moment)


@register.filter
def separated(count: int) -> str:
    """Return a whole number with its separators."""
    return f"{count:,}"


@register.filter
def permitted(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the links of a menu that the person may follow."""
    return [item for item in items if item["has_permission"]]
