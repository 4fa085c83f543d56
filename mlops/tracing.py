"""`traceparent` (W3C Trace Context, level 1): which trace a request belongs to.

The standard library alone, as `mlops.logs`.
"""

import os
import re
from dataclasses import dataclass
from typing import Self

_HEADER = re.compile(
    r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_LENGTH = 55
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One process's part in a trace; `parent_id` is the caller's span, "" of none."""

    trace_id: str
    parent_id: str
    span_id: str
    flags: str = "00"

    @classmethod
    def below(cls, traceparent: str) -> Self | None:
        """Return a new span below the header's; None where it is none, or malformed."""
        found = _HEADER.fullmatch(traceparent)
        if found is None or found[1] == _NO_TRACE or found[2] == _NO_SPAN:
            return None
        if traceparent.startswith("00") and len(traceparent) != _LENGTH:
            return None
        return cls(found[1], found[2], os.urandom(8).hex(), found[3])

    @classmethod
    def root(cls) -> Self:
        """Return the first span of a new trace, which is sampled."""
        return cls(os.urandom(16).hex(), "", os.urandom(8).hex(), "01")

    @property
    def is_sampled(self) -> bool:
        """Whether who began the trace wants its spans."""
        return bool(int(self.flags, 16) & 1)

    @property
    def traceparent(self) -> str:
        """Return the header for whoever is called next."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def fields(self) -> dict[str, str]:
        """Return what log lines say of it."""
        return {"trace_id": self.trace_id, "span_id": self.span_id}
