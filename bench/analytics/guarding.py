"""What the proof of every cell costs: the same COPY with and without it.

    python -m bench.analytics.guarding casts|guards FILE TARGET

And what the digest of the cells costs: the same pass with and without it.

    python -m bench.analytics.guarding blocks|digest TARGET
"""

import sys
from itertools import repeat
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from datasets.analytics import content
from datasets.analytics.ingest.guard import Guard
from datasets.analytics.ingest.model import NULL_WORDS
from datasets.analytics.ingest.rules import BOOLEAN, TEXT, floating, whole_number
from datasets.analytics.ingest.times import TIMESTAMP
from datasets.analytics.sql import quote_ident, quote_literal

RULES = {
    "id": whole_number(),
    "at": TIMESTAMP,
    "symbol": TEXT,
    **dict(zip(("open", "high", "low", "close"), repeat(floating()), strict=False)),
    "volume": whole_number(),
    "ret": floating(),
    "score": floating(),
    "is_open": BOOLEAN,
}


def main(how: str, *paths: str) -> None:
    if how in {"casts", "guards"}:
        copy(how, *paths)
    elif how == "digest":
        content.content(Path(paths[0]), [])
    else:
        with pq.ParquetFile(paths[0], memory_map=False) as file:
            for _ in file.iter_batches(batch_size=content.BLOCK_ROWS):
                pass


def copy(how: str, path: str, target: str) -> None:
    quick, values = ["*"], []
    for index, (name, rule) in enumerate(RULES.items()):
        cell = quote_ident(name)
        value = f"try_cast({cell} AS {rule.type})"
        if how == "guards" and rule is not TEXT:
            quick.append(f"{rule.read_quickly(cell)} AS q{index}")
            value = Guard(rule, NULL_WORDS, is_clean=True).of(cell, f"q{index}", "0")
        values.append(f"{value} AS {cell}")
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MB"}) as database:
        database.execute("SET disabled_optimizers='in_clause'")
        database.execute("CREATE SEQUENCE word_0")
        columns = ", ".join(f"{quote_literal(name)}: 'VARCHAR'" for name in RULES)
        database.execute(
            f"COPY (SELECT {', '.join(values)} FROM (SELECT {', '.join(quick)}"  # noqa: S608
            f" FROM read_csv({quote_literal(path)}, header=true, auto_detect=false,"
            f" columns={{{columns}}}))) TO {quote_literal(target)} (FORMAT parquet,"
            " COMPRESSION zstd, COMPRESSION_LEVEL -1, ROW_GROUP_SIZE 20480,"
            " DATA_PAGE_SIZE_LIMIT 32768)"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
