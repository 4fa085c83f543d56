"""The kinds of store that a history is read from, as they are and without a write."""

from lifecycle.importing.sources.base import BadSource, HistorySource
from lifecycle.importing.sources.opening import open_source

__all__ = ["BadSource", "HistorySource", "open_source"]
