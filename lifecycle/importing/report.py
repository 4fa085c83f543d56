"""What an import did: what came in, what was there, what could not, and why."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MOST_NAMED: Final = 1000
"""How many refusals a report names; all are counted."""


@dataclass(slots=True)
class ImportReport:
    """Counts by kind, and the things that a person has to look at by name."""

    written: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    named: list[str] = field(default_factory=list)

    def refuse(self, kind: str, named: object, why: object) -> None:
        """Count a thing that cannot come in, and say which and why."""
        self.refused[kind] += 1
        self._name(f"{kind} {str(named)[:200]}: {why}")

    def miss(self, named: str, uri: str) -> None:
        """Count a place whose files are not below the folders that were named."""
        self.missing += 1
        self._name(f"files of {named} not found: {uri[:500]}")

    @property
    def is_whole(self) -> bool:
        """Whether nothing was refused and no file is missing."""
        return not self.refused and not self.missing

    def as_json(self) -> dict[str, Any]:
        """Return the report as it is kept and written."""
        return {
            "written": dict(sorted(self.written.items())),
            "present": dict(sorted(self.present.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "noted": dict(sorted(self.noted.items())),
            "refused": dict(sorted(self.refused.items())),
            "missing_files": self.missing,
            "named": self.named,
        }

    def lines(self, *, would: bool) -> Iterator[str]:
        """Yield the report for a terminal."""
        yield _line("would write" if would else "written", self.written)
        yield _line("here already", self.present)
        yield _line("left out, not brought in", self.left_out)
        yield _line("to know", self.noted)
        yield _line("refused", self.refused)
        yield f"places of files not found: {self.missing}"
        yield from self.named
        more = sum(self.refused.values()) + self.missing - len(self.named)
        if more > 0:
            yield f"and {more} more that are not named here"

    def _name(self, sentence: str) -> None:
        if len(self.named) < MOST_NAMED:
            printable = (char if char.isprintable() else "?" for char in sentence)
            self.named.append("".join(printable))


def _line(label: str, counts: Counter[str]) -> str:
    listed = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    return f"{label}: {listed or 'nothing'}"
