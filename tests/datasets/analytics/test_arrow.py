"""Processes that only use pyarrow and DuckDB do not pay for pandas."""

import subprocess
import sys

import pytest

QUESTION = """
pyarrow.table({"a": [1.5, None], "b": numpy.zeros(2)})
found = duckdb.connect().execute("SELECT ? + 1", [1]).fetchall()
print(found, "pandas" in sys.modules)
import pandas
print(pyarrow.array(pandas.Series([1])).to_pylist())
"""
AFTER = "import sys, datasets.analytics.engine, duckdb, numpy, pyarrow"
BEFORE = "import sys, duckdb, numpy, pyarrow, datasets.analytics.engine"
BY_A_THREAD = """
import sys, threading, datasets.analytics.engine
def use():
    from datasets.analytics.engine import pa
    pa.table({"a": [1]})
users = [threading.Thread(target=use) for _ in range(8)]
[each.start() for each in users]
[each.join() for each in users]
import duckdb, numpy, pyarrow
"""


@pytest.mark.parametrize("first", [AFTER, BEFORE, BY_A_THREAD])
def test_arrow_looks_for_pandas_in_vain_and_others_find_it(first):
    done = subprocess.run(
        [sys.executable, "-c", f"{first}\n{QUESTION}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["[(2,)] False", "[1]"]
