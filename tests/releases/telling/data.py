"""Datasets with awkward cells, in several formats and versions, and their features."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.releases.telling.world import D, F, World

SEED, ROWS = 7, 600
COLUMNS = ("f0", "f1", "f2")
CUSTOMERS = [
    ("code", "이름", "joined", "balance", "big", "is_open", "note", "ratio"),
    (
        "00123",
        "김민준",
        "31/01/2024",
        "1.234,5",
        str(2**53 + 1),
        "true",
        '"a ""b"";"',
        "0.1",
    ),
    ("00124", "이서연", "28/02/2024", "-2,25", str(-(2**63)), "FALSE", "=1+1", "1e-7"),
    ("00125", "Zoë  Müller", "15/12/1969", "1.000,0", str(2**63 - 1), "true", "NA", ""),
    ("00126", "", "01/03/2024", "", "0", "", '"two\nlines"', "0.30000000000000004"),
    ("00127", "'quoted'", "29/02/2024", "0,5", "-1", "false", "+5", "-0.0"),
]
"""Leading zeros, days of one form, decimal commas, long numbers, words for missing."""
MORE = [
    ("00128", "최지우", "17/07/2024", "7,5", "42", "true", "-1"),
    ("00129", "Ann", "18/07/2024", "8,0", "43", "false", "x"),
]
MISFIT = [("00130", "Bob", "19/07/2024", "many", "44", "true", "y")]
SHOP = "".join(
    f'{{"day": "2024-05-{day:02}", "price": {price}, "tags": ["a", {day}]}}\n'
    for day, price in enumerate((10.0, 11.5, -3.0, 12.0, 1e3), start=1)
)
RAW = (
    '{"text": "a\\u0000b", "big": 12345678901234567890123}\n'
    '{"text": "", "big": -0.5}\n{"text": null, "big": 1e-300}\n'
)
"""A NUL within a text, digits that no double holds, an empty text beside a missing."""
DECLARED: dict[str, Any] = {
    "feature_type": "numerical",
    "data_type": "float",
    "tags": ["store", "센서"],
}


def share(world: World) -> None:
    """Upload a text file, a Parquet file, and JSON lines in two chunks."""
    upload(world, "customers", text(CUSTOMERS), "customers.csv")
    upload(world, "readings", readings(0.0), "readings.parquet")
    content = SHOP.encode()
    begun = {"name": "shop.jsonl", "size_bytes": len(content)}
    chunk = world.scientist.post(f"{F}/uploads", begun)["id"]
    for start, end in ((0, 40), (40, len(content))):
        world.scientist.append_chunk(f"{F}/uploads/{chunk}", start, content[start:end])
    world.scientist.post(D, {"name": "shop", "upload_id": [chunk]})
    ready(world, "shop")
    upload(world, "raw", RAW.encode(), "raw.jsonl")
    more = {"tags": ["store", "가게"], "features": ["price_of_shop"]}
    world.scientist.patch(f"{D}/shop", more)


def describe(world: World) -> None:
    """Declare features (bound, by a formula, not bound) and rules of quality."""
    where = {"dataset": "readings", "entity_key": ["site"], "event_time": "at"}
    declare(world, "reading_f0", {**where, "column": "f0"})
    formula = {**where, "expression": "f0 + 2 * f1"}
    declare(world, "reading_sum", formula, upstream_features=["reading_f0"])
    declare(world, "balance_ratio", {"dataset": "customers", "column": "ratio"})
    declare(world, "plain_age", None)
    world.scientist.post(f"{F}/usage", USE)
    release = {"version": "2.0.0", "changelog": "years, not days"}
    world.scientist.post(f"{F}/plain_age/versions", release)
    world.scientist.post(f"{F}/plain_age/rollback?target_version=1.0.0")
    world.scientist.post(f"{F}/plain_age/deprecate")
    rule(world, "customers", kind="not_null", columns=["code"])
    rule(world, "customers", kind="unique", columns=["code"], severity="fail")
    rule(world, "customers", kind="regex", columns=["code"], parameters=FIVE_DIGITS)
    never = {"parameters": {"min": 0}, "severity": "fail"}
    rule(world, "shop", kind="range", columns=["price"], **never)
    world.scientist.post(f"{D}/customers/checks", {})
    world.scientist.post(f"{D}/shop/checks", {})


FIVE_DIGITS = {"pattern": "[0-9]{5}"}
USE = {
    "feature_name": "reading_f0",
    "feature_version": "1.0.0",
    "used_by_model": "churn",
    "model_version": "1",
    "environment": "production",
    "feature_importance": 0.75,
}


def move_on(world: World) -> None:
    """Add versions by a file, an append, a filter and SQL; have two files refused."""
    _without_a_column(world)
    _appended(world)
    keep = {"conditions": [{"column": "price", "operator": "gt", "value": 0}]}
    world.scientist.post(f"{D}/shop/filter/versions", keep)
    ready(world, "shop")
    asked = {"sql": "SELECT day, price * 2 AS double FROM data ORDER BY day"}
    world.scientist.post(f"{D}/shop/sql/versions", asked)
    ready(world, "shop")
    world.scientist.upload(
        f"{D}/readings/versions", readings(2.5), "readings-2.parquet"
    )
    ready(world, "readings")
    refused = b"PAR1 but not at all"
    world.scientist.upload_is_refused(D, refused, "broken.parquet", name="refused")


def upload(world: World, name: str, content: bytes, filename: str) -> None:
    more = {"name": name, "description": f"The {name} of the store"}
    world.scientist.upload(D, content, filename, **more)
    ready(world, name)


def ready(world: World, name: str) -> None:
    """Wait until every version was read; raise if one could not be."""
    found = world.scientist.wait(
        f"{D}/{quote(name)}/versions",
        lambda all_: all(one["state"] != "processing" for one in all_),
    )
    states = [(one["version"], one["state"]) for one in found]
    assert {state for _, state in states} <= {"ready"}, (name, states)


def declare(
    world: World, name: str, binding: dict[str, Any] | None, **more: object
) -> None:
    body = {**DECLARED, "feature_name": name, "description": f"{name} of the store"}
    body |= more
    if binding is not None:
        body["binding"] = binding
    world.scientist.post(F, body)
    world.scientist.post(f"{F}/{name}/activate")


def rule(world: World, dataset: str, **body: Any) -> None:
    made = world.scientist.post(f"{D}/{dataset}/rules", body)
    world.ids[f"rule {body['kind']}"] = made["id"]


def readings(shift: float) -> bytes:
    """Return measured values as Parquet; `shift` moves the first of them away."""
    chance = np.random.default_rng(SEED)
    values = chance.normal(size=(ROWS, len(COLUMNS)))
    values[:, 0] += shift
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "site": [f"site-{number % 4}" for number in range(ROWS)],
            "at": [begin + timedelta(minutes=number) for number in range(ROWS)],
            **{name: values[:, at].round(4) for at, name in enumerate(COLUMNS)},
            "exact": pa.array(range(ROWS), pa.decimal128(30, 4)),
            "bytes": [bytes([number % 256]) for number in range(ROWS)],
        }
    )
    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd")
    return target.getvalue()


def text(rows: list[tuple[str, ...]]) -> bytes:
    return "".join(";".join(row) + "\n" for row in rows).encode()


def _without_a_column(world: World) -> None:
    """Break the feature that has its values in the column that goes."""
    cut = text([row[:-1] for row in CUSTOMERS])
    world.scientist.upload(f"{D}/customers/versions", cut, "customers-2.csv")
    ready(world, "customers")


def _appended(world: World) -> None:
    head, path = CUSTOMERS[0][:-1], f"{D}/customers/append"
    more, misfit = text([head, *MORE]), text([head, *MISFIT])
    world.scientist.upload(path, more, "more.csv", base_version="2")
    ready(world, "customers")
    world.scientist.upload_is_refused(path, misfit, "misfit.csv", base_version="3")
