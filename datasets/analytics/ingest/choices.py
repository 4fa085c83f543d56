"""The user's reading options, as rules and plans."""

from collections.abc import Sequence
from dataclasses import fields

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.chosen_types import chosen_rule, is_chosen_type
from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.model import Options
from datasets.analytics.ingest.plain import Format
from datasets.analytics.ingest.plan import Plan
from datasets.analytics.ingest.rules import PLAIN, Rule, Signs


def grammar(options: Options) -> Grammar:
    """Return the rules that the options leave to type inference."""
    return Grammar(
        signs=_signs(options),
        true_words=options.true_values,
        false_words=options.false_values,
        date_formats=options.date_formats,
    )


def plan(
    options: Options,
    names: Sequence[str],
    originals: Sequence[str],
    grammars: Sequence[Grammar],
) -> Plan:
    """Return the plan of a table. Raises IngestRefused for types of unknown columns."""
    forced: dict[int, Rule] = {}
    for name, kind in options.types.items():
        if not is_chosen_type(kind):
            raise IngestRefused.of_option(
                "types", f"{kind!r} is no type that can be chosen."
            )
        for listed in (names, originals):
            if name in listed:
                forced[list(listed).index(name)] = chosen_rule(
                    kind, _signs(options) or PLAIN, grammars[0]
                )
                break
        else:
            raise IngestRefused.of_option(
                "types", f"There is no column {name!r} to give a type."
            )
    # Spaces around the cells of columns that are not text do not count.
    words = dict.fromkeys(word.strip(" \t") for word in options.null_values)
    return Plan(grammars, tuple(words), forced)


# What says something about a file that is no text of cells. Folders beside such files
# are typed as cells are, so that words, signs and forms may still count there.
_OF_CELLS = frozenset(
    {"true_values", "false_values", "decimal", "thousands", "null_values"}
)
_SUPPORTED = {
    Format.JSON_LINES: frozenset(
        {"encoding", "types", "null_values", "date_formats", "union_by_name"}
        | {"skip_lines", "header_row", "comment"}
    ),
    Format.PARQUET: frozenset({"union_by_name", "types"}),
    Format.ARROW: frozenset({"union_by_name", "types"}),
    Format.XLSX: frozenset({field.name for field in fields(Options)})
    - {"encoding", "delimiter", "quote", "comment"},
}


def ignored_options(options: Options, form: Format, *, has_folders: bool) -> list[str]:
    """Return the options that were given and do not apply to a format."""
    supported = _SUPPORTED.get(form)
    if supported is None:
        return []
    if has_folders:
        supported |= _OF_CELLS | {"date_formats"}
    usual = Options()
    return [
        field.name
        for field in fields(Options)
        if field.name not in supported
        and getattr(options, field.name) not in (getattr(usual, field.name), ())
    ]


def _signs(options: Options) -> Signs | None:
    if options.decimal is None and options.thousands is None:
        return None
    return Signs(options.decimal or ".", options.thousands or "")
