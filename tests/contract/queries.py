"""A list costs the same number of queries, however long it is."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

FEW, MANY = 2, 9


@pytest.fixture
def constant_queries(api) -> Callable[..., int]:
    """Return `check(url, make_rows)`: it counts with 2 rows and with 9.

    `make_rows(number)` makes that many more rows. The check returns the number of
    queries, so that a test can bound it too.
    """

    def check(url: str, make_rows: Callable[[int], None], who: str = "admin") -> int:
        make_rows(FEW)
        few, short = _count(api(who), url)
        make_rows(MANY - FEW)
        many, long = _count(api(who), url)
        assert len(long) > len(short), f"{url} did not show the new rows"
        assert many == few, f"{url}: {few} queries for {FEW} rows, {many} for {MANY}"
        return many

    return check


def _count(client, url):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = client.get(url)
    assert answer.status_code == 200, answer.content
    return len(queries), answer.content
