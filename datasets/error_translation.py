"""Translates errors of analytics to errors of the domain."""

from collections.abc import Iterator
from contextlib import contextmanager

from datasets.analytics.console.model import SQL_CODES
from datasets.analytics.errors import AnalyticsError
from mlops.core.errors import DomainError


class Refused(DomainError):
    """A question that analytics does not answer."""

    def __init__(self, error: AnalyticsError) -> None:
        super().__init__(error.message, field=error.field, **error.extra)
        self.kind = error.kind  # type: ignore[misc,assignment]  # analytics uses our words
        self.code = error.code  # type: ignore[misc]

    @classmethod
    def codes(cls) -> frozenset[str]:
        kinds = AnalyticsError.__subclasses__()
        return frozenset().union(SQL_CODES, *(kind.codes() for kind in kinds))


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate errors of analytics that leave the block."""
    try:
        yield
    except AnalyticsError as error:
        raise Refused(error) from None
