"""Queries for curves, which take ids of runs that a fuzzer would never guess."""

import random
from urllib.parse import urlencode

import pytest

from tests.contract import exchanges
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
CASES = 300
BOUND = 10**18
# What may stand in a query, and whether the document allows it.
SINGLE = {
    "axis": [("step", True), ("time", True), ("", False), ("STEP", False)],
    "max_buckets": [("2", True), ("2000", True), ("1", False), ("2001", False)],
    "low": [("0", True), (str(-BOUND), True), (str(-BOUND - 1), False), ("x", False)],
    "high": [("9", True), (str(BOUND), True), (str(BOUND + 1), False), ("1.0", False)],
}
METRICS = [([], True), (["loss"], True), (["nothing", "loss"], True), ([""], False)]
METRICS += [(["loss"] * 51, False), ([f"m{n}" for n in range(51)], False)]
NUMBERS = [("+3", False), ("1_0", False), (" 1", False), ("٣", False), ("\0", False)]


@pytest.fixture
def world(person, data_dir, monkeypatch):
    allow_slow_conversion(monkeypatch)
    return build(person("admin"))


def runs(world):
    uid = world["run"]
    return [
        *[([uid], True)] * 4,
        ([uid, "nothing"], True),
        ([], False),
        ([""], False),
        ([uid] * 51, False),
        ([f"r{n}" for n in range(51)], False),
    ]


def drawn(chance, world):
    """Return a query as pairs, and whether the document allows it."""
    uids, fits = chance.choice(runs(world))
    query = [("run_id", uid) for uid in uids]
    if chance.random() < 0.5:
        names, allowed = chance.choice(METRICS)
        query += [("metric", name) for name in names]
        fits &= allowed
    for name, values in SINGLE.items():
        if chance.random() < 0.3:
            value, allowed = chance.choice(values)
            if name != "axis" and chance.random() < 0.1:
                value, allowed = chance.choice(NUMBERS)
            query.append((name, value))
            fits &= allowed
    if chance.random() < 0.05:
        query.append(("colour", "red"))
        fits = False
    return query, fits


def test_curves_are_asked_as_the_document_says_or_refused(api, world):
    chance = random.Random(59)  # noqa: S311 - the same cases each time
    _method, path, operation = exchanges.template_of("listMetricCurves")
    client, drawn_curves = api("viewer"), 0
    for _ in range(CASES):
        query, fits = drawn(chance, world)

        answer = client.get(f"{path}?{urlencode(query)}")

        case = (query, answer.status_code, answer.content)
        assert str(answer.status_code) in operation["responses"], case
        assert answer.status_code in ({200, 404} if fits else {400}), case
        drawn_curves += answer.status_code == 200 and len(answer.json())
    assert drawn_curves > 0
