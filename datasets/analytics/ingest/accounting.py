"""Accounting of a table's cells: which became missing or text, and why."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from datasets.analytics.ingest.guard import Lost
from datasets.analytics.ingest.proof import Proof
from datasets.analytics.ingest.rules import TEXT, Rule

_LISTED = 5


@dataclass(slots=True)
class Written:
    """The columns of the result, and every cell that was not kept as it was."""

    types: list[str]
    formats: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing_words: list[dict[str, Any]] = field(default_factory=list)
    kept_as_text: list[dict[str, Any]] = field(default_factory=list)
    made_missing: list[dict[str, Any]] = field(default_factory=list)
    rounded: list[dict[str, Any]] = field(default_factory=list)

    def cells(self) -> dict[str, Any]:
        return {
            "missing_words": self.missing_words,
            "kept_as_text": self.kept_as_text,
            "made_missing": self.made_missing,
            "rounded": self.rounded,
        }


def described(proof: Proof) -> Written:
    """Return what became of the columns of a table that was written."""
    names = proof.table.names
    found = Written([])
    for column, name in enumerate(names):
        rule = proof.proposals[column].rule or TEXT
        found.types.append(rule.type)
        if rule.note:
            found.notes.append(f"{name}: {rule.note}.")
        if rule.format:
            found.formats[name] = rule.format
    for column, rule in proof.uncertain.items():
        found.notes.append(
            f"{names[column]}: kept as text; it could be {rule.label}"
            f" ({rule.note}), but no cell makes that certain."
        )
    for column in sorted(proof.cells.wordy):
        if proof.proposals[column].rule not in {TEXT, None}:
            found.notes.append(
                f"{names[column]}: a null word stands in quotes in it, and is a value"
                " wherever it stands there."
            )
    found.missing_words = [
        {"column": names[column], "count": count}
        for column, count in sorted(proof.counts(Lost.WORD).items())
    ]
    found.kept_as_text = list(_near_misses(proof))
    found.made_missing = list(_lost_to_choice(proof, Lost.BAD))
    found.rounded = list(_lost_to_choice(proof, Lost.ROUNDED))
    return found


def _near_misses(proof: Proof) -> Iterable[dict[str, Any]]:
    """Yield the text columns that nearly fit another type, and what does not."""
    near = {
        column: proposal.near
        for column, proposal in proof.proposals.items()
        if proposal.near is not None and column not in proof.uncertain
    }
    misses = proof.evidence().misses(near)
    for column, rule in near.items():
        if column in misses:
            name, found = proof.table.names[column], misses[column]
            yield {
                "column": name,
                "looks_like": rule.label,
                "count": found.count,
                "rows": [{"row": row, "text": text} for row, text in found.rows],
                "read_with": _options_of(name, rule),
            }


def _options_of(name: str, rule: Rule) -> dict[str, Any]:
    """Return the options by which a column is read by a rule."""
    found: dict[str, Any] = {"types": {name: rule.type}}
    if rule.format:
        found["date_formats"] = [rule.format]
    if rule.signs:
        found |= asdict(rule.signs)
    return found


def _lost_to_choice(proof: Proof, how: Lost) -> Iterable[dict[str, Any]]:
    """Yield the cells that a user's choice of type could not hold, or not exactly."""
    for column, count in sorted(proof.counts(how).items()):
        rule = proof.plan.forced[column]
        bad = proof.guard(column).is_lost(f"r{column}", how)
        rows = _first_rows(proof, column, bad)
        yield {
            "column": proof.table.names[column],
            "type": rule.type,
            "count": count,
            "rows": [{"row": row, "text": text} for row, text in rows],
        }


def _first_rows(proof: Proof, column: int, condition: str) -> list[tuple[int, str]]:
    """Return position and text of the first cells that meet a condition."""
    found: list[tuple[int, str]] = []
    above = 0
    for part in proof.table.parts():
        rows = proof.context.cursor.rows(
            f"SELECT place, left(r{column}, 200) FROM (SELECT *, row_number()"  # noqa: S608
            f" OVER () - 1 AS place FROM ({part}))"
            f" WHERE {condition}"
            f" ORDER BY place LIMIT {_LISTED - len(found):d}",
            {},
        )
        found += [(above + place, text) for place, text in rows]
        if len(found) == _LISTED:
            break
        above += proof.context.cursor.row(f"SELECT count(*) FROM ({part})", {})[0]  # noqa: S608
    return found
