"""The part of docs/formats.md that a test makes: its lines, between two marks."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.deployments.formats.comparing import Compared

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
FIRST, LAST = "<!-- flavours -->\n", "<!-- end of flavours -->\n"
HEAD = (
    "| model | flavour | compared | rows | largest difference | allowed |\n"
    "|---|---|---|---:|---:|---:|\n"
)


def write(found: Iterable[Compared]) -> None:
    before, _, rest = PAGE.read_text().partition(FIRST)
    after = rest.partition(LAST)[2]
    PAGE.write_text(before + FIRST + "\n" + HEAD + lines(found) + "\n" + LAST + after)


def lines(found: Iterable[Compared]) -> str:
    ordered = sorted(found, key=lambda one: (one.flavour, one.name))
    return "".join(
        f"| {one.name} | {one.flavour} | {one.compared} | {one.rows} "
        f"| {one.difference:.1g} | {one.allowed:g} |\n"
        for one in ordered
    )


def names() -> set[str]:
    """Return the models that the page lists."""
    part = PAGE.read_text().partition(FIRST)[2].partition(LAST)[0]
    return set(re.findall(r"^\| (?!model |---)([^|]+) \|", part, re.MULTILINE)) - {"-"}
