"""How benchmarks print: each line at once, so that a long one shows how far it is."""

import sys


def say(*parts: object, end: str = "\n") -> None:
    """Print the parts, with blanks between them, and let nothing wait in a buffer."""
    sys.stdout.write(" ".join(map(str, parts)) + end)
    sys.stdout.flush()
