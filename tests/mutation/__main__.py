"""The command: shares an area's mutants among sessions, and says what came of them."""

import argparse
import json
import random
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.mutation import running
from tests.mutation.areas import AREAS, FLOOR, Area
from tests.mutation.making import Place, mutants

HERE = Path(__file__).parent
KNOWN = tomllib.loads((HERE / "survivors.toml").read_text())
SEED = 1
Known = dict[tuple[str, str], dict[str, Any]]
"""What came of mutants, by their file and name."""


@dataclass(frozen=True, slots=True)
class Candidate:
    path: str
    number: int
    name: str

    @property
    def key(self) -> tuple[str, str]:
        return self.path, self.name


def main(words: Sequence[str]) -> int:
    asked = _asked(words)
    print("| area | mutants | killed | of these by time | survived | share |")
    print("|---|---:|---:|---:|---:|---:|")
    results = []
    for area in _areas(asked.areas):
        if asked.sample is not None:
            area = replace(area, sample=asked.sample)  # noqa: PLW2901
        results.append(_report(area, tried(area, jobs=asked.jobs, again=asked.again)))
    return 0 if all(results) else 1


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("areas", nargs="*", help="names of areas, or files of theirs")
    parser.add_argument("--jobs", type=int, default=1, help="sessions side by side")
    parser.add_argument("--sample", type=int, help="try so many; 0 tries all")
    parser.add_argument(
        "--again", action="store_true", help="try only what survived the last time"
    )
    return parser.parse_args(words)


def _areas(words: Sequence[str]) -> Iterator[Area]:
    """Return the areas that the words name, by their name or a file."""
    for area in AREAS:
        files = tuple(word for word in words if area.base / word in area.paths())
        if not words or area.name in words:
            yield area
        elif files:
            yield replace(area, files=files)


def tried(area: Area, *, jobs: int = 1, again: bool = False) -> list[dict[str, Any]]:
    """Try an area's mutants; return what came of each, as `session.Trial` has it.

    It is kept as it comes, a line each: `again` goes on where a run was ended.
    """
    kept = area.base / ".mutants" / f"{area.name}.jsonl"
    kept.parent.mkdir(exist_ok=True)
    if not again:
        for old in kept.parent.glob(f"{area.name}.*"):
            old.unlink()
    known, asked = _read(kept), chosen(area)
    with tempfile.TemporaryDirectory(prefix="mu-") as folder:
        rest = [one for one in asked if not _is_killed(known.get(one.key))]
        _share(area, rest, Path(folder), jobs, kept)
        known = _read(kept)
        with kept.open("a") as out:
            for one in rest:
                trial = known[one.key]
                if trial["result"] == "fresh" or _may_be_stale(area, trial):
                    trial |= running.afresh(area, trial, Path(folder))
                    out.write(f"{json.dumps(trial)}\n")
                    out.flush()
    return [known[one.key] for one in asked]


def chosen(area: Area) -> list[Candidate]:
    """Return the mutants to try, in an order by chance that is always the same.

    So what a run has tried when it is ended is a sample, and a larger one goes on.
    """
    found = [
        Candidate(str(path.relative_to(area.base)), number, mutant.name)
        for path in area.paths()
        for number, mutant in enumerate(mutants(path.read_text()))
    ]
    random.Random(SEED).shuffle(found)
    return found[: area.sample] if area.sample else found


def _read(path: Path) -> Known:
    if not path.exists():
        return {}
    lines = map(json.loads, path.read_text().splitlines())
    return {(one["path"], one["name"]): one for one in lines}


def _is_killed(trial: dict[str, Any] | None) -> bool:
    return trial is not None and trial["result"] in {"killed", "time"}


def _may_be_stale(area: Area, trial: dict[str, Any]) -> bool:
    """Say whether something may have kept the value that the mutant changed."""
    if trial["result"] != "survived":
        return False
    mutant = mutants((area.base / trial["path"]).read_text())[trial["number"]]
    return mutant.home.place is Place.VALUE


def _share(
    area: Area, asked: Sequence[Candidate], folder: Path, jobs: int, kept: Path
) -> None:
    """Let sessions try every n-th mutant each, and write what comes of it to `kept`."""
    sessions = []
    for number in range(min(jobs, len(asked))):
        job = {
            "area": asdict(area) | {"base": str(area.base)},
            "mutants": [(one.path, one.number) for one in asked[number::jobs]],
            "out": str(kept),
            "again": kept.with_suffix(".runs").exists(),
        }
        path = folder / f"{number}.json"
        path.write_text(json.dumps(job))
        sessions.append((running.session(area, path), path.with_suffix(".log")))
    failed = [log.read_text() for session, log in sessions if session.wait()]
    if failed:
        sys.exit(f"{area.name}: no mutant can be tried.\n{failed[0]}")


def _report(area: Area, trials: Sequence[dict[str, Any]]) -> bool:
    """Print what came of an area; say if enough was noticed, and the rest is known."""
    survived = [one for one in trials if not _is_killed(one)]
    late = sum(one["result"] == "time" for one in trials)
    killed = len(trials) - len(survived)
    share = killed / len(trials) if trials else 1.0
    print(
        f"| {area.name} | {len(trials)} | {killed} | {late} | {len(survived)} "
        f"| {share:.1%} |",
        flush=True,
    )
    reasons = [KNOWN.get(f"{one['path']} {one['name']}", "") for one in survived]
    for one, reason in zip(survived, reasons, strict=True):
        unseen = " (no test executes it)" if one["result"] == "unseen" else ""
        print(f"    {one['path']}:{one['line']} {one['name']}{unseen}")
        print(f"        {reason or 'NOT LISTED'}")
    return share >= FLOOR and all(reasons)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
