"""How lists and records of the theme write numbers and JSON: as people read them.

The theme asks two functions for the text of a field; `write_for_people` puts those of
this module into their place.
"""

from typing import Any

from django.db.models import Field, JSONField
from unfold import fields
from unfold.templatetags import unfold_list
from unfold.utils import display_for_field

from mlops.core.admin.base import meaning


def write_for_people() -> None:
    """Let all lists and records write so."""
    fields.prettify_json = _json
    fields.display_for_field = readable
    unfold_list.display_for_field = readable


def readable(value: Any, field: Field[Any, Any], empty: str) -> Any:
    """Return whole numbers with separators and JSON as what it says.

    A number that is a name (a key, a choice) stays as it is.
    """
    if isinstance(field, JSONField):
        return meaning(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    is_name = field.primary_key or field.flatchoices or field.is_relation
    if is_whole and not is_name:
        return f"{value:,}"
    return display_for_field(value, field, empty)


def _json(value: Any, _encoder: Any) -> Any:
    return meaning(value)
