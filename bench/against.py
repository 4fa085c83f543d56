"""Compares a benchmark with itself as of another commit.

    python -m bench NAME --against COMMIT

Both trees are measured in turns, the order changing from pair to pair, so that a busy
minute of the machine meets both. What is compared is CPU per request, which a busy
machine hardly changes. The other commit is checked out beside this one and measured by
the bench of this one, so that both do the same. A benchmark that can be compared has a
module `figures` that prints one JSON object: milliseconds of CPU by case.
"""

import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.printing import say

HERE = Path(__file__).absolute().parents[1]
PAIRS = 9
WORSE = 1.03
# Student's t for 95 % on both sides, by degrees of freedom from 8 on.
_T = (2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101)

Figures = dict[str, float]


class Change(NamedTuple):
    """CPU of one case before and now (medians, ms), and their ratio's 95 % interval."""

    before: float
    now: float
    low: float
    high: float

    @property
    def is_worse(self) -> bool:
        return self.low > WORSE


def compare(name: str, commit: str, pairs: int = PAIRS) -> int:
    """Print a row for each case; return 1 if the interval of one lies above 3 %.

    Raises ValueError for fewer than 9 pairs, or a benchmark that has no figures.
    """
    if pairs < PAIRS:
        raise ValueError(f"an interval needs at least {PAIRS} pairs")
    if not (HERE / "bench" / name / "figures.py").exists():
        raise ValueError(f"the benchmark {name} has no figures to compare")
    with _checked_out(commit) as other:
        measured = []
        for number in range(pairs):
            trees = [other, HERE] if number % 2 == 0 else [HERE, other]
            found = {tree: _figures(name, tree) for tree in trees}
            measured.append((found[other], found[HERE]))
    changes = {
        case: change([(before[case], now[case]) for before, now in measured])
        for case in measured[0][0]
    }
    _print(changes, commit, pairs)
    return int(any(each.is_worse for each in changes.values()))


def change(pairs: list[tuple[float, float]]) -> Change:
    """Return the change of (before, now) pairs; its interval is of the log ratio."""
    logs = [math.log(now / before) for before, now in pairs]
    t = _T[min(len(logs) - PAIRS, len(_T) - 1)]
    half = t * statistics.stdev(logs) / math.sqrt(len(logs))
    middle = statistics.mean(logs)
    before, now = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Change(before, now, math.exp(middle - half), math.exp(middle + half))


def _figures(name: str, tree: Path) -> Figures:
    command = [sys.executable, "-m", f"bench.{name}.figures"]
    done = subprocess.run(command, check=True, cwd=tree, stdout=subprocess.PIPE)  # noqa: S603 - ours
    figures: Figures = json.loads(done.stdout)
    return figures


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """Check the commit out beside this tree, with this tree's bench."""
    with tempfile.TemporaryDirectory(prefix="bench-against-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            shutil.rmtree(tree / "bench")
            shutil.copytree(HERE / "bench", tree / "bench")
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, cwd=HERE)  # noqa: S603, S607 - git


def _print(changes: dict[str, Change], commit: str, pairs: int) -> None:
    lines = [
        f"CPU of {pairs} pairs in turns, against {commit}\n",
        "| case | before, ms | now, ms | ratio, 95 % | |",
        "|---|---:|---:|---:|---|",
    ]
    lines += [
        f"| {case} | {each.before:.3f} | {each.now:.3f} "
        f"| {each.low:.3f} to {each.high:.3f} | {'worse' if each.is_worse else ''} |"
        for case, each in changes.items()
    ]
    say("\n".join(lines))
