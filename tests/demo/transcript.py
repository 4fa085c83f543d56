"""Reads console transcripts out of Markdown: commands and what they should print."""

import re
from dataclasses import dataclass

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command line; in `expected`, … stands for any text."""

    line: str
    expected: str

    def is_met_by(self, output: str) -> bool:
        parts = [re.escape(part) for part in self.expected.split("…")]
        return re.search(".*?".join(parts), output, re.DOTALL) is not None


def commands(markdown: str) -> list[Command]:
    """Return the commands of all console blocks, in order."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(markdown):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [Command(line, "\n".join(expected)) for line, expected in found]
