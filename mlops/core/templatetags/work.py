"""Rows and times in templates, as the rest of the admin shows them."""

from django import template

from mlops.core.pages import address_of, moment

register = template.Library()
register.filter("address", address_of)
register.filter("moment", moment)


@register.filter
def separated(count: int) -> str:
    """Return a whole number with its separators."""
    return f"{count:,}"
