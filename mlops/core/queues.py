"""Queues of the worker: apps register what waits in them, and since when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.db.models import Count, Min, QuerySet


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many rows wait, and since when the oldest does; None where none do."""

    count: int
    since: datetime | None

    @classmethod
    def of(cls, rows: "QuerySet[Any]", began: str) -> Self:
        """Return it of rows and the field that says since when each waits."""
        found = rows.order_by().aggregate(count=Count("pk"), since=Min(began))
        return cls(found["count"], found["since"])


_queues: dict[str, Callable[[], Waiting]] = {}


def register_queue(name: str, waiting: Callable[[], Waiting]) -> None:
    """Add a queue; its `waiting` is asked anew each time."""
    _queues[name] = waiting


def all_waiting() -> dict[str, Waiting]:
    """Return what waits now in every queue."""
    return {name: waiting() for name, waiting in _queues.items()}
