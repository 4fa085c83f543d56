"""A table of text as a file gives it, and what may become of its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.rules import Rule


class RawTable(Protocol):
    """Cells of text, as a file gives them: an empty one is NULL."""

    @property
    def names(self) -> Sequence[str]: ...

    def parts(self, *, limit: int | None = None, counted: bool = False) -> list[str]:
        """Return SELECTs of the cells as r0, r1, …: one after the other, the table.

        Of each `limit` rows, where it is given; what a `counted` one leaves out for
        its form is remembered.
        """
        ...

    @property
    def has_numbers(self) -> bool:
        """Whether the format has numbers of its own: their signs are no question."""
        ...

    @property
    def has_quotes(self) -> bool: ...

    @property
    def is_clean(self) -> bool:
        """Whether no cell holds a character that casts to numbers overlook."""
        ...

    def wholly_quoted(self, columns: Sequence[int]) -> set[int]:
        """Return those columns of which every cell stands in quotes."""
        ...

    def with_quoted_words(
        self, columns: Sequence[int], words: Sequence[str]
    ) -> set[int]:
        """Return those columns in which one of the words stands in quotes."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """Candidate type rules of each column. `forced` rules come from a person.

    `kept` columns are no text and have the types that they need.
    """

    grammars: Sequence[Grammar]
    null_words: tuple[str, ...] = ()
    forced: Mapping[int, Rule] = field(default_factory=dict)
    kept: Mapping[int, str] = field(default_factory=dict)
