"""Parameters of runs, written once."""

import json
from collections.abc import Mapping
from typing import Any

from django.db.backends.utils import CursorWrapper

from lifecycle.errors import ParamConflict

_INSERT = """
    INSERT INTO lifecycle_param (run_id, key_id, value, is_json)
    VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_STORED = (
    "SELECT key_id, value FROM lifecycle_param WHERE run_id = %s AND key_id IN ({})"
)


def write(
    cursor: CursorWrapper, run: int, params: Mapping[str, Any], keys: Mapping[str, int]
) -> None:
    """Store parameters in their order, in which people read them; no text is JSON.

    The same value again is no error. Raises ParamConflict for another value; the
    caller's transaction then undoes the whole batch. Nothing is locked: of two writers
    at once one inserts, and the other compares with what that one wrote. A caller that
    does not hold the run sorts, so that two never wait for each other in a circle.
    """
    if not params:
        return
    texts = {name: _as_text(value) for name, value in params.items()}
    ids = [keys[name] for name in texts]
    rows = [(run, keys[name], *text) for name, text in texts.items()]
    cursor.executemany(_INSERT, rows)
    cursor.execute(_STORED.format(",".join(["%s"] * len(ids))), [run, *ids])
    stored = dict(cursor.fetchall())
    changed = [
        (name, stored[keys[name]], text)
        for name, (text, _) in texts.items()
        if stored[keys[name]] != text
    ]
    if changed:
        name, old, _new = changed[0]
        raise ParamConflict(
            f"The parameter {name!r} is {old!r} already and is written only once.",
            field="parameters",
            changed=changed,
        )


def _as_text(value: Any) -> tuple[str, bool]:
    """Return the text that is stored, and whether it is JSON."""
    if isinstance(value, str):
        return value, False
    return json.dumps(value, ensure_ascii=False, sort_keys=True), True
