"""The command on a toy: what its tests notice is killed, what they do not survives."""

import pytest

from tests.mutation.__main__ import tried
from tests.mutation.areas import Area
from tests.mutation.making import mutants, mutated

MODULE = """
LEAST = 18
OPEN = {"monday": (8, 12), "friday": (8, 10)}
LATEST = max(end for _, end in OPEN.values())


class Person:
    most = 3

    def __init__(self, age, *, visits=0):
        self.age = age
        self.visits = visits

    def may_enter(self):
        if self.age < LEAST:
            raise ValueError("too young")
        while self.visits > self.most:
            self.visits -= 1
        return self.visits

    def is_old(self):
        return self.age > 60


def is_open(day, hour):
    begin, end = OPEN.get(day, (0, 0))
    return begin <= hour < end


def unused():
    return 1
"""
TESTS = """
import pytest
import doors
from doors import LATEST, Person, is_open


def test_the_young_stay_out():
    assert Person(18).may_enter() == 0
    with pytest.raises(ValueError):
        Person(17).may_enter()


def test_many_visits_are_forgotten():
    assert Person(20, visits=5).may_enter() == 3


def test_nobody_is_old_in_the_middle():
    assert Person(70).is_old() and not Person(40).is_old()


def test_it_opens_and_shuts():
    assert [is_open("monday", hour) for hour in (7, 8, 11, 12)] == [0, 1, 1, 0]
    assert [is_open("friday", hour) for hour in (7, 8, 9, 10)] == [0, 1, 1, 0]
    assert not is_open("sunday", 0) and LATEST == 12
"""

SPOKEN = '''
X = "a"


def f(a: "int" = 1) -> "int":
    """Doc."""
    logger.info("no", 2)
    return f"{a}"
'''


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (folder / "doors.py").write_text(MODULE)
    (folder / "test_doors.py").write_text(TESTS)
    trials = tried(Area("toy", ("doors.py",), ("test_doors.py",), base=folder))
    return {trial["name"]: trial for trial in trials}


def test_every_mutant_is_tried_once(results):
    names = [mutant.name for mutant in mutants(MODULE)]

    assert sorted(names) == sorted(results)


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("Person.may_enter: self.age < LEAST → self.age <= LEAST", "young"),
        ("Person.may_enter: raise ValueError('too young') → pass", "young"),
        ("Person.may_enter: return self.visits → return None", "doors"),
        ("Person.__init__: 0 → 1", "doors"),
        ("module: 18 → 19", "doors"),
        ("module: 'monday' → left out", "opens"),
        ("module: 12 → 13", "opens"),
        ("is_open: begin <= hour < end → begin <= hour <= end", "opens"),
        ("Person: 3 → 4", "afresh"),
    ],
)
def test_what_a_test_notices_is_killed_by_it(results, name, by):
    assert results[name]["result"] == "killed"
    assert by in results[name]["by"]


def test_what_never_ends_is_killed_by_time(results):
    endless = "Person.may_enter: self.visits -= 1 → self.visits += 1"

    assert results[endless]["result"] == "time"


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("Person.is_old: self.age > 60 → self.age >= 60", "survived"),
        ("Person.is_old: 60 → 61", "survived"),
        ("unused: return 1 → return None", "unseen"),
    ],
)
def test_what_no_test_notices_survives(results, name, result):
    assert results[name]["result"] == result


def test_texts_and_what_is_said_to_people_stay():
    names = [mutant.name for mutant in mutants(SPOKEN)]

    assert names == ["f: 1 → 2", "f: return f'{a}' → return None"]


def test_a_mutant_has_one_change():
    number = [m.name for m in mutants(MODULE)].index("unused: 1 → 2")
    namespace = {}

    exec(compile(mutated(MODULE, number), "doors", "exec"), namespace)  # noqa: S102

    assert namespace["unused"]() == 2
    assert namespace["LEAST"] == 18
