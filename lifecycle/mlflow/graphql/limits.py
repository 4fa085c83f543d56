"""How much an operation may ask for; the numbers and sentences are MLflow's."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_ROOT_FIELDS: Final = 10
MAX_ALIASES: Final = 10
MAX_DEPTH: Final = 10
MAX_SELECTIONS: Final = 1000
MAX_TOKENS: Final = 5000

Fragments = dict[str, SelectionSetNode]


def fault_of(document: DocumentNode) -> str:
    """Return what a document asks too much of, or "". Every operation counts.

    Fragments count wherever they are spread; counting ends at the first limit.
    """
    fragments = {
        part.name.value: part.selection_set
        for part in document.definitions
        if isinstance(part, FragmentDefinitionNode)
    }
    level = [
        part.selection_set
        for part in document.definitions
        if isinstance(part, OperationDefinitionNode)
    ]
    roots, selections, aliases = 0, 0, 0
    for depth in range(1, MAX_DEPTH + 1):
        below: list[SelectionSetNode] = []
        for inside in level:
            fields = list(islice(_fields(inside, fragments), MAX_SELECTIONS + 1))
            selections += len(fields)
            if selections > MAX_SELECTIONS:
                return f"Query exceeds maximum total selections of {MAX_SELECTIONS}"
            aliases = max(aliases, sum(1 for each in fields if each.alias))
            below += [each.selection_set for each in fields if each.selection_set]
        roots = selections if depth == 1 else roots
        level = below
    if level:
        return f"Query exceeds maximum depth of {MAX_DEPTH}"
    return _too_many(roots, MAX_ROOT_FIELDS, "root fields") or _too_many(
        aliases, MAX_ALIASES, "aliases"
    )


def _fields(inside: SelectionSetNode, fragments: Fragments) -> Iterator[FieldNode]:
    """Yield the fields of a level, those of fragments that are spread there too."""
    waiting, spread = deque(inside.selections), set[str]()
    while waiting:
        part = waiting.popleft()
        if isinstance(part, FieldNode):
            yield part
        elif isinstance(part, InlineFragmentNode):
            waiting.extend(part.selection_set.selections)
        elif isinstance(part, FragmentSpreadNode) and part.name.value not in spread:
            spread.add(part.name.value)
            if known := fragments.get(part.name.value):
                waiting.extend(known.selections)


def _too_many(count: int, largest: int, what: str) -> str:
    if count <= largest:
        return ""
    return f"GraphQL queries should have at most {largest} {what}, got {count} {what}."
