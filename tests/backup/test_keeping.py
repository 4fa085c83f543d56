"""Which backups stay, and that removing others takes nothing that another names."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops.backup import keeping, taking
from mlops.backup.folder import BackupFolder, FolderBusy
from mlops.backup.keeping import kept, remove_others, rules_of
from mlops.backup.seal import NoSeal
from mlops.backup.verifying import Verifier
from mlops.core.models import Installation
from tests.backup.places import QUIET, a_run

NEWEST = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAILY = [(f"{day:03}", NEWEST - timedelta(days=day)) for day in range(60)]


def test_seven_days_and_four_weeks():
    stay = kept(DAILY, rules_of("7d,4w"))

    assert stay == {"000", "001", "002", "003", "004", "005", "006", "009", "016"}


def test_days_without_a_backup_do_not_count():
    assert kept([DAILY[0], DAILY[20], DAILY[40]], rules_of("2d")) == {"000", "020"}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.integers(0, 5000), max_size=30),
    st.sampled_from(["1h", "3d", "2w,1y", "6m"]),
)
def test_the_newest_always_stays_and_more_rules_keep_more(hours, text):
    backups = [(str(hour), NEWEST - timedelta(hours=hour)) for hour in hours]

    stay = kept(backups, rules_of(text))

    assert stay <= {name for name, _ in backups}
    assert not hours or str(min(hours)) in stay
    assert stay <= kept(backups, rules_of(f"{text},9d"))


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "7d;4w", "7d,", "1s", "99999d"])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(keeping.BadRule):
        rules_of(text)


@pytest.fixture
def folder(data_folder, target):
    return BackupFolder.begun(target, NoSeal())


def make_old(folder):
    for _, path in folder.names():
        os.utime(path, (0, 0))


@pytest.mark.django_db(transaction=True)
def test_what_only_removed_ones_named_goes_and_the_rest_stays_whole(folder, person):
    by = person("data scientist")
    run = a_run("first", by=by, content=os.urandom(5 << 20))
    first = taking.take(folder, QUIET)
    a_run("second", by=by)
    second = taking.take(folder, QUIET)
    run.artifacts.all().delete()
    third = taking.take(folder, QUIET)
    make_old(folder)

    removed = remove_others(folder, rules_of("1d"), str(Installation.current().uid))

    assert removed.backups == (first.name, second.name)
    assert removed.size_bytes > 5 << 20
    assert folder.backups() == [third.name]
    assert Verifier(folder, QUIET).verify(third.name) == []


@pytest.mark.django_db(transaction=True)
def test_backups_of_another_installation_stay(folder, person):
    a_run("first", by=person("data scientist"))
    first = taking.take(folder, QUIET)
    Installation.renew()
    second = taking.take(folder, QUIET)
    make_old(folder)

    removed = remove_others(folder, rules_of("1d"), str(Installation.current().uid))

    assert removed.backups == ()
    for one in (first, second):
        assert Verifier(folder, QUIET).verify(one.name) == []


@pytest.mark.django_db(transaction=True)
def test_young_chunks_that_nothing_names_stay_for_who_goes_on(folder):
    name = folder.put(b"of a backup that was killed")

    remove_others(folder, rules_of("1d"), "any")

    assert folder.has(name)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_removed_while_another_backup_runs(folder):
    with folder.held(), pytest.raises(FolderBusy):
        remove_others(folder, rules_of("1d"), "any")


@pytest.mark.django_db(transaction=True)
def test_the_command_keeps_by_its_rule(folder, person, capsys):
    call_command("backup", str(folder.root))
    call_command("backup", str(folder.root), "--keep", "1d")

    assert len(folder.backups()) == 1
    assert "removed" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no rule"):
        call_command("backup", str(folder.root), "--keep", "7x")
