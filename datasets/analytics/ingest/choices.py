"""What a person chose about the reading, as rules and plans."""

from collections.abc import Sequence

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.chosen import chosen_rule, is_chosen_type
from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.model import Options
from datasets.analytics.ingest.proof import Plan
from datasets.analytics.ingest.rules import PLAIN, Rule, Signs


def grammar(options: Options) -> Grammar:
    """Return the rules that the options leave to be found out."""
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
    """Return the plan of a table. Raises IngestRefused for a type of no column."""
    forced: dict[int, Rule] = {}
    for name, kind in options.types.items():
        if not is_chosen_type(kind):
            raise IngestRefused(
                "invalid_options", f"{kind!r} is no type that can be chosen."
            )
        for listed in (names, originals):
            if name in listed:
                forced[list(listed).index(name)] = chosen_rule(
                    kind, _signs(options) or PLAIN, grammars[0]
                )
                break
        else:
            raise IngestRefused(
                "invalid_options", f"There is no column {name!r} to give a type."
            )
    return Plan(grammars, options.null_values, forced)


def _signs(options: Options) -> Signs | None:
    if options.decimal is None and options.thousands is None:
        return None
    return Signs(options.decimal or ".", options.thousands or "")
