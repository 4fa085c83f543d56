"""A question about a version's content, and its answer, stored under its ETag."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from datasets.error_translation import translated_errors
from datasets.models import AnalysisKey, DatasetVersion, StoredAnalysis

LARGEST_KEPT = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a content; answers with `is_kept` are cached."""

    version: DatasetVersion
    kind: str
    revision: int
    compute: Callable[[], Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_kept: bool = True

    @property
    def key(self) -> AnalysisKey:
        return AnalysisKey(
            self.version.digest, self.kind, self.revision, self.parameters
        )

    @property
    def etag(self) -> str:
        return self.key.etag

    def body(self) -> bytes:
        """Return the answer as JSON, from the cache if it is there."""
        key = self.key
        stored = StoredAnalysis.objects.answer(key) if self.is_kept else None
        if stored is not None:
            return stored
        with translated_errors():
            body = dumps(self.compute())
        if self.is_kept and len(body) <= LARGEST_KEPT:
            StoredAnalysis.objects.keep(key, body)
        return body


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=_plain)


def joined(head: Mapping[str, Any], body: bytes) -> orjson.Fragment:
    """Return one JSON object: the head's fields, then those of a stored body."""
    start = dumps(dict(head))
    both = start[:-1] + (b"," if len(start) > 2 and len(body) > 2 else b"") + body[1:]  # noqa: PLR2004 - "{}"
    return orjson.Fragment(both)


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)
