"""Analytics' errors on their way out, in its own words."""

from collections.abc import Iterator
from contextlib import contextmanager

from datasets.analytics.errors import AnalyticsError
from mlops.core.errors import DomainError


class Refused(DomainError):
    """A question that analytics does not answer."""

    def __init__(self, error: AnalyticsError) -> None:
        super().__init__(error.message, field=error.field, **error.extra)
        self.kind = error.kind  # type: ignore[misc,assignment]  # analytics uses our words
        self.code = error.code  # type: ignore[misc]


@contextmanager
def asking() -> Iterator[None]:
    """Let analytics' errors leave as errors of the domain."""
    try:
        yield
    except AnalyticsError as error:
        raise Refused(error) from None
