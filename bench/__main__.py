"""Runs the benchmarks, or the one that is named, each in a process of its own.

python -m bench [name]
python -m bench name --against commit [--pairs 9]
"""

import argparse
import platform
import subprocess
import sys
from os import cpu_count, getloadavg
from pathlib import Path

from bench import against
from bench.printing import say

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Return 1 if a benchmark failed or is worse, 2 if there is none of the name."""
    options, names = _options(arguments), benchmarks()
    wanted = options.names or names
    if unknown := set(wanted) - set(names):
        say(f"No benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
        return 2
    say(machine())
    if options.against:
        compared = [
            against.compare(name, options.against, options.pairs) for name in wanted
        ]
        return max(compared)
    return max(map(run, wanted), default=0)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--against", default="", help="a commit to compare with")
    parser.add_argument("--pairs", type=int, default=against.PAIRS)
    return parser.parse_args(arguments)


def benchmarks() -> list[str]:
    """Return the names of modules here with a `main()`, and of runnable packages."""
    modules = [
        path.stem
        for path in HERE.glob("*.py")
        if not path.stem.startswith("_") and "\ndef main(" in path.read_text()
    ]
    packages = [path.parent.name for path in HERE.glob("*/__main__.py")]
    return sorted(modules + packages)


def run(name: str) -> int:
    say(f"\n## {name}\n")
    command = [sys.executable, "-m", f"bench.{name}"]
    ended = subprocess.run(command, check=False, cwd=HERE.parent)  # noqa: S603 - ours
    return int(ended.returncode != 0)


def machine() -> str:
    """Return on what this was measured; a figure without it says nothing."""
    load = ", ".join(f"{value:.1f}" for value in getloadavg())
    python = platform.python_version()
    return f"{platform.machine()}, {cpu_count()} CPUs, load {load}, Python {python}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
