"""Finds runs by the beginning of their id, by name, and by what their tags say.

All names and tags are read, as no index holds the middle of a text: once, for the
count of what is found and for a page of it.
"""

from django.db.models import Q, QuerySet

from lifecycle.models import Run
from lifecycle.models.key import Key
from lifecycle.models.param import RunTag

MOST_FOUND = 1_000
"""So many are kept by their row numbers; of more, each question reads all again."""


def searched(runs: QuerySet[Run], term: str) -> QuerySet[Run]:
    """Return those of the runs that a word finds, each once, in their order.

    No tag is joined, which would make every run many rows to be told apart.
    """
    own = Q(uid__istartswith=term) | Q(name__icontains=term)
    tagged = RunTag.objects.filter(_of_tag(term)).values_list("run", flat=True)
    found = _few(runs.filter(own).order_by().values_list("pk", flat=True))
    by_tag = None if found is None else _few(tagged)
    if found is None or by_tag is None:
        return runs.filter(own | Q(pk__in=tagged))
    return runs.filter(pk__in=found | by_tag)


def _of_tag(term: str) -> Q:
    """Return what a tag has; few keys are known, and mostly none has the word."""
    keys = list(Key.objects.filter(name__icontains=term).values_list("pk", flat=True))
    said = Q(value__icontains=term)
    return said | Q(key__in=keys) if keys else said


def _few(found: QuerySet[Run, int] | QuerySet[RunTag, int]) -> set[int] | None:
    """Return the row numbers, None if they are more than MOST_FOUND."""
    numbers = list(found[: MOST_FOUND + 1])
    return set(numbers) if len(numbers) <= MOST_FOUND else None
