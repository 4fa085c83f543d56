"""JSON lines: one object per line, or one array of objects; all else is reported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.accounting import described
from datasets.analytics.ingest.choices import grammar, plan
from datasets.analytics.ingest.context import Context, Read, path_list
from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.guard import Lost
from datasets.analytics.ingest.json_copying import MAX_LINE_BYTES, copy_lines
from datasets.analytics.ingest.json_keys import JsonKey, JsonKind, JsonLines
from datasets.analytics.ingest.model import NULL_WORDS, Options
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.nested import nested_types
from datasets.analytics.ingest.partitions import partitions_of
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.ingest.proof import Proof
from datasets.analytics.ingest.rules import TEXT
from datasets.analytics.ingest.skipped_lines import skipped_note
from datasets.analytics.sql import quote_literal

_OPTIONS = f"format='newline_delimited', maximum_object_size={MAX_LINE_BYTES:d}"


@dataclass(slots=True)
class _JsonTable:
    """The lines as a table of text, nested and truth values as they are."""

    names: list[str]
    select: str
    has_numbers: bool = True
    has_quotes: bool = False
    is_clean: bool = False

    def parts(self, *, limit: int | None = None, counted: bool = False) -> list[str]:
        return [f"{self.select} LIMIT {limit:d}" if limit else self.select]

    def wholly_quoted(self, columns: Sequence[int]) -> set[int]:
        return set()

    def with_quoted_words(
        self, columns: Sequence[int], words: Sequence[str]
    ) -> set[int]:
        return set()


@dataclass(frozen=True, slots=True)
class _Written:
    """A table that was written; `types` are those of columns that are no text."""

    found: JsonLines
    names: list[str]
    types: dict[int, str]
    proof: Proof

    def respelled(self) -> frozenset[str]:
        """Return keys of text, or of cells to be named, whose digits were lost."""
        named = self.proof.counts(Lost.BAD) | self.proof.counts(Lost.ROUNDED)
        return frozenset(
            name
            for place, (name, key) in enumerate(self.found.keys.items())
            if key.is_respelled
            and place not in self.types
            and (place in named or self.is_text(place))
        )

    def is_text(self, place: int) -> bool:
        return (self.proof.proposals[place].rule or TEXT).type == TEXT.type


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Write the table. Raises IngestRefused when too much of it would be lost."""
    table = _write(context, *_copied(context, plains))
    if spelled := table.respelled():
        table = _write(context, *_copied(context, plains, spelled))
    written = described(table.proof)
    return Read(
        table.names,
        list(table.found.keys),
        rejected=table.found.rejected,
        notes=[*written.notes, *_notes(table), *_left_out(plains)],
        cells=written.cells(),
    )


def _copied(
    context: Context, plains: Sequence[Plain], spelled: frozenset[str] = frozenset()
) -> tuple[JsonLines, list[Path]]:
    """Copy the objects of all files; numbers of some keys as they are spelled."""
    given = context.options.null_values
    # The usual words are those of CSV, where nothing else says that a cell is missing.
    words = () if given == NULL_WORDS else given
    found, paths = JsonLines(words, spelled, has_files=len(plains) > 1), []
    folders = partitions_of(context, plains)
    for index, plain in enumerate(plains):
        path = context.temporary / f"lines_{index:d}.jsonl"
        added = dict(zip(folders.keys, folders.values[index], strict=True))
        with path.open("wb") as out:
            copy_lines(context, plain, out, found, added)
        paths.append(path)
    _check_loss(context, found)
    context.expected_rows = found.kept
    return found, paths


def _write(context: Context, found: JsonLines, paths: Sequence[Path]) -> _Written:
    originals, keys = list(found.keys), list(found.keys.values())
    names = clean_names(originals)
    types = _types(context, found, paths)
    for name, original, key in zip(names, originals, keys, strict=True):
        is_chosen = not {name, original}.isdisjoint(context.options.types)
        if is_chosen and key.kinds <= {JsonKind.NUMBER, JsonKind.WORD, JsonKind.TEXT}:
            # Long numbers may travel as text: the type says what both are.
            key.kinds -= {JsonKind.NUMBER, JsonKind.WORD}
            key.kinds.add(JsonKind.TEXT)
    table = _JsonTable(names, _select(paths, keys, types, found.mark))
    grammars = [_grammar(context.options, key) for key in keys]
    options = _without_nested(context.options, names, originals, types)
    intent = replace(
        plan(options, names, originals, grammars),
        null_words=found.words,
        kept=types,
    )
    proof = Proof(context, table, intent)
    proof.write()
    return _Written(found, names, types, proof)


def _without_nested(
    options: Options,
    names: Sequence[str],
    originals: Sequence[str],
    types: dict[int, str],
) -> Options:
    """Take out the types of columns that have one of their own, if it is the same."""
    wanted = dict(options.types)
    for place, kind in types.items():
        for name in (names[place], originals[place]):
            if wanted.pop(name, kind) != kind:
                raise IngestRefused.of_option(
                    "types", f"Column {name!r} is {kind} and nothing else."
                )
    return replace(options, types=wanted)


def _grammar(options: Options, key: JsonKey) -> Grammar:
    """Numbers are numbers, and texts times at the most: "5" is no 5."""
    if key.is_folder:
        return grammar(options)
    return replace(
        grammar(options), signs=None, numeric=key.is_number, temporal=key.is_text
    )


def _types(context: Context, found: JsonLines, paths: Sequence[Path]) -> dict[int, str]:
    """Return the types of columns that are no text to begin with."""
    keys = list(enumerate(found.keys.items()))
    types = {
        place: "BOOLEAN" for place, (_, key) in keys if key.kinds == {JsonKind.TRUTH}
    }
    nested = [
        place
        for place, (name, key) in keys
        if key.is_nested and name not in found.spelled
    ]
    if nested:
        types |= nested_types(context, paths, nested, _OPTIONS)
    return types


def _select(
    paths: Sequence[Path], keys: Sequence[JsonKey], types: dict[int, str], mark: str
) -> str:
    columns, cells = [], []
    for place, key in enumerate(keys):
        is_plain = key.is_number or key.is_text or not key.kinds
        kind = types.get(place) or ("VARCHAR" if is_plain else "JSON")
        cell = key.column
        columns.append(f"'{cell}': {quote_literal(kind)}")
        if place not in types:
            # A null in a column of JSON is no text of four letters.
            text = cell if kind == "VARCHAR" else f"({cell}->>'$')"
            cell = (
                f"CASE WHEN starts_with({text}, '{mark}')"
                f" THEN substr({text}, {len(mark) + 1:d})"
                f" WHEN {cell}::VARCHAR = 'null' AND '{kind}' = 'JSON' THEN NULL"
                f" ELSE {cell}::VARCHAR END"
            )
        cells.append(f"{cell} AS r{place:d}")
    source = (
        f"read_json({path_list(paths)}, {_OPTIONS}, columns={{{', '.join(columns)}}})"
    )
    return f"SELECT {', '.join(cells)} FROM {source}"  # noqa: S608 - numbered columns


def _notes(table: _Written) -> Iterator[str]:
    found = table.found
    for place, (name, key) in enumerate(
        zip(table.names, found.keys.values(), strict=True)
    ):
        if key.nulls and key.present < found.kept:
            yield (
                f"{name}: null in {key.nulls} lines and absent from"
                f" {found.kept - key.present}; both are missing."
            )
        if (repeated := key.repeated).count:
            yield (
                f"{name}: given twice in {repeated.count} lines, first in"
                f" {repeated.first}; the last value was kept."
            )
        if (inside := key.repeated_inside).count:
            yield (
                f"{name}: keys inside it are given twice in {inside.count} lines,"
                f" first in {inside.first}; the last value of each was kept."
            )
        is_typed = place in table.types
        yield from _type_notes(
            name, key, is_typed=is_typed, is_text=is_typed or table.is_text(place)
        )


def _type_notes(
    name: str, key: JsonKey, *, is_typed: bool, is_text: bool
) -> Iterator[str]:
    if is_typed and key.shapes.are_joined:
        yield (
            f"{name}: keys inside it are null in some objects and absent from"
            " others; both are missing."
        )
    if not is_text:
        # A person chose numbers or times: `made_missing` names what is none.
        return
    if not key.is_exact or (key.is_nested and not is_typed):
        yield f"{name}: kept as text of JSON, which no type holds exactly."
    elif len(key.kinds) > 1 and not (key.is_number or key.is_text):
        kinds = ", ".join(sorted(key.kinds))
        yield f"{name}: kept as text of JSON; it holds {kinds}."


def _left_out(plains: Sequence[Plain]) -> Iterator[str]:
    above = sum(plain.dropped.above for plain in plains)
    comments = sum(plain.dropped.comments for plain in plains)
    if above:
        yield skipped_note(above, "line above the first", "lines above the first")
    if comments:
        yield skipped_note(comments, "comment", "comments")


def _check_loss(context: Context, found: JsonLines) -> None:
    lost, limits = found.rejected.count, context.limits
    if not found.kept and not lost:
        raise IngestRefused("no_rows", "The file holds no rows.")
    if found.kept and not found.keys:
        raise IngestRefused("no_rows", "The objects of the file have no keys.")
    share = lost / (found.kept + lost)
    many = lost > limits.rejected_rows and share > limits.rejected_share
    if many or lost > found.kept:
        first = found.rejected.rows[0]
        raise IngestRefused(
            "invalid_file",
            f"{lost} of {found.kept + lost} lines are not JSON objects; the first is"
            f" line {first['line']}.",
            rejected=lost,
            rows=found.rejected.rows[:20],
        )
