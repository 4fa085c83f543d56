"""The tables of moves are the documented ones; other tests ask that they are kept."""

from lifecycle.states import (
    LOGGED_MODEL_MOVES,
    RESERVED_VERSIONS,
    RUN_MOVES,
    STAGE_MOVES,
)
from lifecycle.store.runs import OPEN

ENDS = {"completed", "failed", "cancelled"}
CHECKED, APPROVED = ["CHECKLIST"], ["CHECKLIST", "APPROVAL", "SOUND_DATA"]


def words(moves):
    return {str(at): {str(to) for to in ways} for at, ways in moves.items()}


def test_a_run_ends_once_and_nothing_leads_out_of_an_end():
    assert words(RUN_MOVES) == {
        "scheduled": {"running", "failed", "cancelled"},
        "running": ENDS,
        **{end: set() for end in ENDS},
    }
    assert {"scheduled", "running"} == OPEN


def test_a_logged_model_goes_every_way():
    assert words(LOGGED_MODEL_MOVES) == {
        "PENDING": {"READY", "FAILED"},
        "READY": {"PENDING", "FAILED"},
        "FAILED": {"PENDING", "READY"},
    }


def test_a_stage_asks_for_its_gates():
    gates = {
        (str(at), str(to)): [gate.name for gate in asked]
        for (at, to), asked in STAGE_MOVES.items()
    }

    assert gates == {
        ("experimental", "staging"): CHECKED,
        ("experimental", "production"): APPROVED,
        ("experimental", "archived"): [],
        ("staging", "experimental"): [],
        ("staging", "production"): APPROVED,
        ("staging", "archived"): [],
        ("production", "staging"): CHECKED,
        ("production", "archived"): [],
        ("archived", "experimental"): [],
        ("archived", "staging"): CHECKED,
    }


def test_a_word_of_the_routes_is_no_version():
    assert {"compare", "history"} == RESERVED_VERSIONS
