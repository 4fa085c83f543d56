"""Writes down the tables of the newest MLflow, as its own migrations leave them.

    python record_schema.py STORE.db

where STORE.db is an empty store that the MLflow of `exporting/test_round_trip.py` made:
`mlflow db upgrade sqlite:///STORE.db`. The result is `lifecycle/exporting/schema.sql`.
"""

import sqlite3
import sys
from pathlib import Path

TARGET = Path(__file__).parents[3] / "lifecycle/exporting/schema.sql"
STATEMENTS = """
    SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name
"""


def main(store):
    base = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    (revision,) = base.execute("SELECT version_num FROM alembic_version").fetchone()
    statements = [sql for (sql,) in base.execute(STATEMENTS)]
    tables = [one for one in statements if one.startswith("CREATE TABLE")]
    others = [one for one in statements if not one.startswith("CREATE TABLE")]
    told = f"INSERT INTO alembic_version VALUES ('{revision}')"
    text = ";\n".join([*tables, *others, told])
    lines = (line.rstrip().replace("\t", "    ") for line in text.splitlines())
    TARGET.write_text("\n".join(lines) + ";\n")


if __name__ == "__main__":
    main(sys.argv[1])
