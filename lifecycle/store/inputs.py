"""Inputs and outputs of runs: datasets and logged models. Writes are idempotent."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.backends.utils import CursorWrapper

from lifecycle.store import sql

_ADD_DATASET = """
    INSERT INTO lifecycle_inputdataset (experiment_id, name, digest, source_type,
        source, schema, profile)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (experiment_id, name, digest) DO NOTHING
"""
_DATASET = """
    SELECT id, version_id IS NOT NULL FROM lifecycle_inputdataset
    WHERE experiment_id = %s AND name = %s AND digest = %s
"""
# A link that is there stays: the same content may be several versions.
_LINK = """
    UPDATE lifecycle_inputdataset SET version_id = %s
    WHERE id = %s AND version_id IS NULL
"""
_READ = """
    INSERT INTO lifecycle_runinput (run_id, dataset_id, tags) VALUES (%s, %s, %s)
    ON CONFLICT (run_id, dataset_id) DO NOTHING
"""
_READ_MODEL = """
    INSERT INTO lifecycle_runmodelinput (run_id, model_id) VALUES (%s, %s)
    ON CONFLICT (run_id, model_id) DO NOTHING
"""
_MADE_MODEL = """
    INSERT INTO lifecycle_runoutput (run_id, model_id, step) VALUES (%s, %s, %s)
    ON CONFLICT (run_id, model_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class NamedDataset:
    """A dataset as a run named it; `tags` say what the run read it for."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """The dataset's row, and whether it is linked to a catalogue version already."""

    pk: int
    is_linked: bool


def name_dataset(
    cursor: CursorWrapper, experiment: int, dataset: NamedDataset
) -> StoredDataset:
    """Store a dataset that runs of the experiment name, once, and return it."""
    cursor.execute(
        _ADD_DATASET,
        (
            experiment,
            dataset.name,
            dataset.digest,
            dataset.source_type,
            dataset.source,
            dataset.schema,
            dataset.profile,
        ),
    )
    cursor.execute(_DATASET, (experiment, dataset.name, dataset.digest))
    return StoredDataset(*cursor.fetchone())


def link(cursor: CursorWrapper, dataset: int, version: uuid.UUID) -> None:
    """Link the dataset to its catalogue version, if it has no link yet."""
    cursor.execute(_LINK, (version.hex, dataset))


def read(
    cursor: CursorWrapper, run: int, dataset: int, tags: Mapping[str, str]
) -> None:
    """Insert the run's input dataset with its tags; a repeated write is ignored."""
    cursor.execute(_READ, (run, dataset, sql.as_json(dict(tags))))


def read_models(cursor: CursorWrapper, run: int, models: Iterable[str]) -> None:
    """Insert the run's input models."""
    for model in models:
        cursor.execute(_READ_MODEL, (run, model))


def made_models(cursor: CursorWrapper, run: int, steps: Mapping[str, int]) -> None:
    """Insert the run's output models with their steps; a repeated write is ignored."""
    for model, step in sorted(steps.items()):
        cursor.execute(_MADE_MODEL, (run, model, step))
