"""Turns a user's files into one canonical Parquet file, in a child process.

`start` gives a handle for a loop, `convert` waits. Everything that parses what a
user sent is in `child` and what it imports; the caller's process reads only the
child's small JSON files.
"""

from datasets.analytics.ingest.chosen_types import is_chosen_type
from datasets.analytics.ingest.encodings import known_encoding
from datasets.analytics.ingest.model import (
    Base,
    IngestedColumn,
    InputFile,
    Limits,
    Options,
    Outcome,
    Progress,
)
from datasets.analytics.ingest.parent import Ingestion, convert, start
from datasets.analytics.ingest.rules import REVISION
from datasets.analytics.ingest.times import is_known_form

__all__ = [
    "REVISION",
    "Base",
    "IngestedColumn",
    "Ingestion",
    "InputFile",
    "Limits",
    "Options",
    "Outcome",
    "Progress",
    "convert",
    "is_chosen_type",
    "is_known_form",
    "known_encoding",
    "start",
]
