"""Where a row's page is, and how pages write a time. Knows no page."""

from datetime import UTC, datetime

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

EMPTY = "—"


def address_of(row: Model) -> str:
    """Return the address of the row's page of work, or of its form without one."""
    meta = row._meta  # noqa: SLF001 - Django's public name
    name = f"admin:{meta.app_label}_{meta.model_name}"
    try:
        return reverse(f"{name}_work", args=[row.pk])
    except NoReverseMatch:
        return reverse(f"{name}_change", args=[row.pk])


def moment(at: datetime | None) -> SafeString | str:
    """Return a time as all pages write it, in UTC, readable by programs too."""
    if at is None:
        return EMPTY
    utc = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time>', utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    )
