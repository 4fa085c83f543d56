"""Writes all of tracking and registry as a store that `mlflow server` opens.

`target` makes the database in the schema of one release (`schema.sql`) and copies
files; `tracking` and `registry` read rows as of one moment and hand them over;
`exporter` puts them in order. MLflow need not be installed.
"""
