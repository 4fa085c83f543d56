"""Processes that only use pyarrow and DuckDB do not pay for pandas."""

import subprocess
import sys

SCRIPT = """
import sys
import datasets.analytics.engine
import duckdb, numpy, pyarrow
pyarrow.table({"a": [1.5, None], "b": numpy.zeros(2)})
found = duckdb.connect().execute("SELECT ? + 1", [1]).fetchall()
print(found, "pandas" in sys.modules)
import pandas
print(pyarrow.array(pandas.Series([1])).to_pylist())
"""


def test_arrow_looks_for_pandas_in_vain_and_others_find_it():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["[(2,)] False", "[1]"]
