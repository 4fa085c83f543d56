"""Backups at random moments under writes, judged by the history of what was answered.

`BACKUPS=50` takes so many, `KILLS=20` kills so often; the suite does a few of each.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from random import Random
from threading import Event, Thread

import pytest
from django.conf import settings
from django.db import connection

from lifecycle.models import Run
from lifecycle.purge import purge
from mlops.backup import taking
from mlops.backup.files import stored_files
from mlops.backup.folder import BackupFolder
from mlops.backup.seal import NoSeal
from mlops.backup.verifying import Verifier
from tests import pg
from tests.backup.places import QUIET, Installation, a_run, rows_in
from tests.lifecycle.test_purge import later

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BACKUPS = int(os.environ.get("BACKUPS", "6"))
KILLS = int(os.environ.get("KILLS", "3"))
WRITERS = 4
POINTS = 5
MOMENTS = Random(5)  # noqa: S311 - when something is done


@dataclass
class Act:
    """One write: the runs of its writer that live after it, when begun, answered."""

    alive: frozenset[str]
    begun: float
    answered: float


@dataclass
class Writer(Thread):
    """Writes runs with files and points, and deletes and purges some, one by one."""

    number: int
    by: object
    stopping: Event
    acts: list[Act] = field(default_factory=list)

    def __post_init__(self):
        super().__init__(daemon=True)

    def run(self):
        chance, alive = Random(self.number), []  # noqa: S311 - of acts
        self.acts.append(Act(frozenset(), 0.0, 0.0))
        try:
            while not self.stopping.is_set():
                begun = time.monotonic()
                if len(alive) > 3 and chance.random() < 0.4:
                    gone = alive.pop(chance.randrange(len(alive)))
                    Run.objects.get(uid=gone).delete_softly(by=None)
                else:
                    name = f"{self.number}-{len(self.acts)}"
                    run = a_run(name, by=self.by, points=POINTS)
                    alive.append(run.uid)
                answered = time.monotonic()
                self.acts.append(Act(frozenset(alive), begun, answered))
                if chance.random() < 0.2:
                    purge(later())
        finally:
            connection.close()

    def __hash__(self):
        return self.number


def living(folder, manifest):
    """Return the runs that live in a backup, and the points of each."""
    runs = [
        json.loads(row) for row in rows_in(folder, manifest.tables["lifecycle.Run"])
    ]
    points = rows_in(folder, manifest.tables["lifecycle.MetricPoint"])
    of_run = [json.loads(row)["run_id"] for row in points]
    counts = {run["uid"]: of_run.count(run["id"]) for run in runs}
    return {run["uid"] for run in runs if run["deleted_ms"] is None}, counts


def judge(folder, manifest, writers, began, ended):
    """Raise AssertionError unless the backup is one instant of the history."""
    alive, counts = living(folder, manifest)
    assert manifest.damage == []
    files = {one.key for one in stored_files(folder, manifest.files["artifacts/"])}
    for row in rows_in(folder, manifest.tables["lifecycle.Artifact"]):
        pk = json.loads(row)["id"]
        assert f"artifacts/{pk[:2]}/{pk}" in files
    lasts, nexts = [], []
    for writer in writers:
        acts = list(writer.acts)
        own = {uid for act in acts for uid in act.alive}
        at = [n for n, act in enumerate(acts) if act.alive == alive & own]
        assert at, "its state is none that the writer has seen"
        for uid in alive & own:
            made = next(act for act in acts if uid in act.alive)
            whole = {POINTS} if made.answered <= began else {0, POINTS}
            assert counts[uid] in whole, "a transaction is not whole"
        lasts.append(acts[at[0]].begun)
        nexts.append(acts[at[-1] + 1].answered if at[-1] + 1 < len(acts) else ended)
    assert min(nexts) >= began, "something answered before it began is missing"
    assert max(lasts) <= ended, "something begun after it ended is in it"
    assert max(lasts) <= min(nexts), "there is no instant at which this was true"


def test_every_backup_is_one_instant_of_the_history(
    data_folder, target, person, tmp_path
):
    folder, stopping = BackupFolder.begun(target, NoSeal()), Event()
    writers = [Writer(n, person("data scientist"), stopping) for n in range(WRITERS)]
    a_run("first", by=person("data scientist"), points=POINTS)
    for writer in writers:
        writer.start()
    taken = []
    try:
        for _ in range(BACKUPS):
            time.sleep(MOMENTS.random())
            began = time.monotonic()
            manifest = taking.take(folder, QUIET)
            taken.append((manifest, began, time.monotonic()))
    finally:
        stopping.set()
        for writer in writers:
            writer.join()

    assert sum(len(writer.acts) for writer in writers) > 10 * BACKUPS
    for manifest, began, ended in taken:
        judge(folder, manifest, writers, began, ended)
        assert Verifier(folder, QUIET).verify(manifest.name) == []
    _restored_elsewhere(folder, taken[-1][0], tmp_path)


def _restored_elsewhere(folder, manifest, tmp_path):
    """Restore it on the other database, and look that it has the same runs."""
    (tmp_path / "copy").mkdir(mode=0o700)
    if connection.vendor == "postgresql":
        _same_runs(folder, manifest, Installation(tmp_path / "copy"))
        return
    binaries = pg.find_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL to restore to")
    with pg.private_server(binaries) as server:
        _same_runs(folder, manifest, Installation(tmp_path / "copy", server.url))


def _same_runs(folder, manifest, place):
    place.run("restore", folder.root, "--backup", manifest.name)
    found = place.contents()
    for label in ("lifecycle.Run", "lifecycle.MetricPoint", "lifecycle.Artifact"):
        assert found[label] == rows_in(folder, manifest.tables[label])


def killed(place, *words, within):
    """Run a command and kill it at a random moment; return whether it lived on."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *map(str, words)],
        cwd=settings.BASE_DIR,
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(MOMENTS.random() * within)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return process.returncode == 0


def test_kills_of_backups_and_restores_leave_nothing_that_starts_wrongly(
    data_folder, target, person, tmp_path
):
    folder = BackupFolder.begun(target, NoSeal())
    for n in range(20):
        a_run(f"run {n}", by=person("data scientist"), content=os.urandom(1 << 20))
    taking.take(folder, QUIET)
    copy = Installation(tmp_path / "copy")
    copy.folder.mkdir(mode=0o700)
    began = time.monotonic()
    copy.run("restore", target)
    took = time.monotonic() - began
    (tmp_path / "of copy").mkdir()

    for n in range(KILLS):
        killed(copy, "backup", tmp_path / "of copy", within=took)
        place = Installation(tmp_path / f"place {n}")
        place.folder.mkdir(mode=0o700)
        if not killed(place, "restore", target, within=took):
            if (place.folder / "restoring.json").exists():
                assert "did not end" in place.run("migrate", fails=True)
            else:
                assert not (place.folder / "mlops.sqlite3").exists()
            place.run("restore", target)
        place.run("doctor")

    copy.run("backup", tmp_path / "of copy")
    copy.run("backup", tmp_path / "of copy", "--verify")
