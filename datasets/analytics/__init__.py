"""DuckDB over Parquet: paths in, frozen dataclasses out, nothing of Django.

`engine` holds the locked-down database of this process; `ingest` turns a user's
file into canonical Parquet in a child process; `rows`, `profile`, `correlation`,
`association`, `grouping`, `facets`, `drift`, `quality`, `schema` and `export` answer
questions about such files, `console` those in SQL; `storage` says where they live.
"""

from datasets.analytics.arrow import hide_pandas

hide_pandas()
