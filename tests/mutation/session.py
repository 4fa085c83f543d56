"""A pytest that tries mutants: it imports and collects once, and forks for each one.

    MUTANTS=job.json python -m pytest -p tests.mutation.session tests/…

First a fork runs all tests as they are and tells which lines each of them executes, how
long it takes, and whether it passes. Then, for each mutant, a fork puts it into itself
(`living`) and runs the tests that execute its lines, the quickest first, until one
fails. A test has a limit of time from its own first run. Every fork has the database,
and the folder, as they were before the first one.
"""

import json
import os
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol
from django.db import connections
from hypothesis import HealthCheck, Phase, settings
from pytest_django import DjangoDbBlocker

from tests.mutation import forks
from tests.mutation.areas import Area
from tests.mutation.living import Living, NeedsFresh
from tests.mutation.making import Mutant, Place, mutants

LEAST_CPU_S, LEAST_S, TIMES = 2.0, 60.0, 10
EXCLUDED = ("if TYPE_CHECKING:", "@overload", r"\.\.\.$", "raise NotImplementedError")
BY_TIME = {signal.SIGPROF, signal.SIGALRM}


@dataclass(slots=True)
class Run:
    """How a test went by itself: its times, and the lines of each file it executed."""

    passed: bool
    seconds: float
    cpu_s: float
    lines: dict[str, set[int]] = field(default_factory=dict)

    def executes(self, path: Path, lines: range) -> bool:
        return any(line in lines for line in self.lines.get(str(path), ()))


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a mutant: killed (by a test), time, survived, unseen or fresh."""

    path: str
    number: int
    name: str
    line: int
    result: str
    by: str = ""
    seconds: float = 0.0
    tests: Sequence[str] = ()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let a property stop at the first example that fails, however slow it is."""
    settings.register_profile(
        "mutants",
        parent=settings.get_profile(settings.get_current_profile_name()),
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")


JOB = json.loads(Path(os.environ["MUTANTS"]).read_text())
AREA = Area(**JOB["area"] | {"base": Path(JOB["area"]["base"])})
METER = coverage.Coverage(
    data_file=None,
    config_file=False,
    branch=True,
    include=[str(path) for path in AREA.paths()],
)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Measure what imports execute as well."""
    METER.start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    METER.stop()
    trials = Trials(session, AREA, forks.Folder(os.environ.get("MLOPS_TEST_DIR")))
    with Path(JOB["out"]).open("a") as out:
        for path, number in JOB["mutants"]:
            trial = trials.trial(AREA.base / path, number)
            out.write(f"{json.dumps(asdict(trial))}\n")
            out.flush()
    return True


class Trials:
    """The tests of an area: how they go by themselves, what they say of mutants."""

    def __init__(
        self, session: pytest.Session, area: Area, folder: forks.Folder
    ) -> None:
        self._session, self._area, self._folder = session, area, folder
        self._said = Path(f"{os.environ['MUTANTS']}.said")
        self._items = {item.nodeid: item for item in session.items}
        session._setupstate.setup(session)  # type: ignore[arg-type]
        self._blocker = _make_database(session.items)
        folder.keep()
        forks.adopt()
        self._living = Living(area.base, area.paths())
        self._runs = self._by_themselves()
        self._noticed = Counter[tuple[Path, str]]()
        failed = [name for name, run in self._runs.items() if not run.passed]
        if failed:
            pytest.exit(f"the tests do not pass as they are: {failed}", 1)

    def trial(self, path: Path, number: int) -> Trial:
        mutant = mutants(path.read_text())[number]
        names = self._tests_for(path, mutant)
        begun = time.monotonic()
        result, by = ("unseen", "")
        if names:
            result, by = self._forked(path, number, mutant, names)
            self._noticed[path, by] += 1
        return Trial(
            path=str(path.relative_to(self._area.base)),
            number=number,
            name=mutant.name,
            line=mutant.line,
            result=result,
            by=by,
            seconds=round(time.monotonic() - begun, 2),
            tests=names if result in {"fresh", "survived"} else (),
        )

    def _tests_for(self, path: Path, mutant: Mutant) -> list[str]:
        """Return the tests that may notice: those that did in this file, and the quick.

        Tests of the mutant's own app come before others.
        """
        first, last = mutant.home.lines
        seen = [
            name
            for name, run in self._runs.items()
            if mutant.home.place is not Place.BODY
            or self._area.follows  # it runs the mutant before any test does
            or run.executes(path, range(first, last + 1))
        ]
        app = f"tests/{path.relative_to(self._area.base).parts[0]}/"
        return sorted(
            seen,
            key=lambda name: (
                -self._noticed[path, name],
                not name.startswith(app),
                self._runs[name].seconds,
            ),
        )

    def _by_themselves(self) -> dict[str, Run]:
        """Run the tests as they are; `again` runs those of files that have changed."""
        kept = Path(JOB["out"]).with_suffix(".runs")
        runs = json.loads(kept.read_text()) if kept.exists() and JOB["again"] else {}
        changed = [
            item
            for name, item in self._items.items()
            if name not in runs or item.path.stat().st_mtime > kept.stat().st_mtime
        ]

        def measure() -> None:
            found = _measured(changed, self._area.paths())
            kept.write_text(json.dumps(runs | found))

        if changed and self._fork(measure):
            pytest.exit(f"see {self._said.with_suffix('.log')}", 1)
        return {
            name: Run(**run | {"lines": {k: set(v) for k, v in run["lines"].items()}})
            for name, run in json.loads(kept.read_text()).items()
            if name in self._items
        }

    def _forked(
        self, path: Path, number: int, mutant: Mutant, names: Sequence[str]
    ) -> tuple[str, str]:
        def attempt() -> None:
            os.environ["MUTANT"] = f"{path}:{number}"  # for processes that are begun
            try:
                self._living.put(path, number, mutant)
                self._area.follow(self._blocker)
            except NeedsFresh:
                self._say("fresh", "")
                return
            for name in names:
                self._say("killed", name)
                _limit(self._runs[name])
                if not _passes(self._items[name], self._session):
                    return
            self._say("survived", "")

        self._say("killed", "import")
        status = self._fork(attempt)
        result, by = json.loads(self._said.read_text())
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in BY_TIME:
            result = "time"
        return result, by

    def _say(self, result: str, by: str) -> None:
        """Note what comes of the mutant if this process ends now."""
        self._said.write_text(json.dumps([result, by]))

    def _fork(self, act: Callable[[], None]) -> int:
        """Run `act` in a fork, which finds all as it was; return its status."""
        self._folder.restore()
        if (child := os.fork()) == 0:
            forks.alone(act, self._said.with_suffix(".log"))
        _, status = os.waitpid(child, 0)
        forks.end_children()
        return status


def _make_database(items: Sequence[pytest.Item]) -> DjangoDbBlocker | None:
    """Make the tests' database if one of them asks for it, and let go of it."""
    for item in items:
        if "django_db_setup" in getattr(item, "fixturenames", ()):
            fixture = item._request.getfixturevalue  # type: ignore[attr-defined]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # no test is at work that might end
                fixture("django_db_setup")
                blocker = fixture("django_db_blocker")
            with blocker.unblock():
                connections.close_all()
            return blocker
    return None


def _measured(items: Sequence[pytest.Item], paths: Sequence[Path]) -> dict[str, Any]:
    """Run the tests in turn, each a context of its own of the lines it executes."""
    runs, measured = {}, METER.get_data()
    METER.start()
    for item, following in _pairs(items):
        METER.switch_context(item.nodeid)
        begun, cpu = time.monotonic(), time.process_time()
        passed = _passes(item, following)
        spent = time.monotonic() - begun, time.process_time() - cpu
        runs[item.nodeid] = asdict(Run(passed, *spent))
    METER.stop()
    for line in EXCLUDED:
        METER.exclude(line)
    if not JOB["again"]:
        METER.json_report(outfile=f"{JOB['out']}.coverage.json")
    for path in map(str, paths):
        for line, names in measured.contexts_by_lineno(path).items():
            for name in names:
                if name in runs:
                    runs[name]["lines"].setdefault(path, []).append(line)
    return runs


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, Any]]:
    """Return each test with the one after it, whose module need not be set up again."""
    return zip(items, [*items[1:], items[0].session], strict=True)


def _passes(item: pytest.Item, following: Any) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=following)
    return not any(report.failed for report in reports)


def _limit(run: Run) -> None:
    """Let the kernel end this process if a test takes far longer than by itself."""
    for timer, ends, least, usual in (
        (signal.ITIMER_PROF, signal.SIGPROF, LEAST_CPU_S, run.cpu_s),
        (signal.ITIMER_REAL, signal.SIGALRM, LEAST_S, run.seconds),
    ):
        signal.signal(ends, signal.SIG_DFL)
        signal.setitimer(timer, max(least, TIMES * usual))
