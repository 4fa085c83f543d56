"""The tag where a logged model lists what versions were registered of it."""

import json
from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from lifecycle.store import logged_models, sql

VERSIONS_TAG: Final = "mlflow.modelVersions"

_LOCK = "SELECT id FROM lifecycle_loggedmodel WHERE id = %s"
_TAG = "SELECT value FROM lifecycle_loggedmodeltag WHERE model_id = %s AND key = %s"


def add(cursor: CursorWrapper, model: str, name: str, number: int) -> None:
    """Add a version to the list.

    The model is locked, so that of two that are registered at once both are listed.
    """
    cursor.execute(_LOCK + sql.for_update(), (model,))
    cursor.execute(_TAG, (model, VERSIONS_TAG))
    row = cursor.fetchone()
    listed = _listed(row[0]) if row else []
    listed.append({"name": name, "version": number})
    logged_models.write_tags(cursor, model, {VERSIONS_TAG: json.dumps(listed)})


def _listed(text: str) -> list[Any]:
    """Return the list that a tag holds; a client may have written anything else."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return listed if isinstance(listed, list) else []
