"""The tables of moves are the documented ones; other tests ask that they are kept."""

from datasets.states import (
    FEATURE_MOVES,
    RESERVED_FEATURE_NAMES,
    RESERVED_VERSION_NAMES,
    VERSION_MOVES,
)


def words(moves):
    return {str(at): {str(to) for to in ways} for at, ways in moves.items()}


def test_a_version_is_read_once_and_again_only_after_a_failure():
    assert words(VERSION_MOVES) == {
        "processing": {"ready", "failed"},
        "ready": set(),
        "failed": {"processing"},
    }


def test_a_feature_is_archived_from_everywhere_and_for_good():
    assert words(FEATURE_MOVES) == {
        "draft": {"active", "archived"},
        "active": {"deprecated", "archived"},
        "deprecated": {"active", "archived"},
        "archived": set(),
    }


def test_a_word_of_the_routes_is_no_name():
    assert {"datasets", "usage", "uploads"} == RESERVED_FEATURE_NAMES
    assert {"compare", "latest"} == RESERVED_VERSION_NAMES
