"""docs/development.md, as the tests of it read it."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

BASE = Path(settings.BASE_DIR)
PAGE = (BASE / "docs" / "development.md").read_text()
CODE = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"<[^>]+>")


def between(first: str, last: str) -> str:
    return PAGE.partition(first)[2].partition(last)[0]


def picture() -> str:
    return between("## The picture\n\n```\n", "```")


def layers() -> list[list[str]]:
    """Return the layers that the page draws, each as what stands beside each other."""
    drawn = between("<!-- layers -->\n```\n", "```").removeprefix("project")
    return [line.split(" | ") for line in map(str.strip, drawn.splitlines()) if line]


def processes() -> list[list[str]]:
    """Return the rows of the table of processes, as cells."""
    table = between("| process |", "\n\n").splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def walks() -> dict[str, set[str]]:
    """Return the files that each walk touches, by its title."""
    parts = between("## Walks\n", "\n## ").split("\n### ")[1:]
    return {part.partition("\n")[0]: set(_touched(part)) for part in parts}


def _touched(part: str) -> Iterator[str]:
    for paragraph in part.split("\n\n"):
        if paragraph.startswith("Touch:"):
            files = paragraph.partition("Read:")[0]
            yield from (
                name for name in CODE.findall(files) if "/" in name or "." in name
            )


def pattern_of(name: str) -> str:
    """Return a pattern of the files that a name with parts in <> stands for."""
    return VARIABLE.sub("*", name)
