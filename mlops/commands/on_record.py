"""An entry of the audit trail for each person whom a command saves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db.models.signals import post_save

from mlops.core import audit
from mlops.core.context import command_line
from mlops.core.models import User


@contextmanager
def people_on_record(action: str, changes: Mapping[str, Any]) -> Iterator[None]:
    """Record who is saved meanwhile, in the transaction of the save.

    A command asks for names and passwords before, so it has no transaction itself.
    """

    def note(instance: User, **_signal: object) -> None:
        audit.record(action, instance, by=None, changes=changes)

    post_save.connect(note, sender=User)
    try:
        with command_line():
            yield
    finally:
        post_save.disconnect(note, sender=User)
