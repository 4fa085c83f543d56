"""Rows and times in templates, as the rest of the admin shows them."""

from datetime import datetime

from django import template
from django.db.models import Model
from django.utils.safestring import SafeString

from mlops.core.admin import base

register = template.Library()


@register.filter
def address(row: Model) -> str:
    """Return the address of the row's page of work, or of its form."""
    return base.address_of(row)


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """Return a time as all pages write it; a dash for none."""
    return base.moment(at)
