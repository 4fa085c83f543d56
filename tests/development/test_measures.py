"""What coverage and mutants are asked of is there, under the names that they use."""

from fnmatch import fnmatch

import pytest

from tests import covered
from tests.development.page import BASE
from tests.mutation.areas import AREAS

FILES = [
    str(path.relative_to(BASE))
    for package in ("mlops", "datasets", "lifecycle", "deployments")
    for path in (BASE / package).rglob("*.py")
]
PATTERNS = [pattern for patterns, _ in covered.FLOORS.values() for pattern in patterns]


@pytest.mark.parametrize("pattern", [*covered.SHUT_IN, *PATTERNS])
def test_a_pattern_of_coverage_names_a_file(pattern):
    assert any(fnmatch(name, pattern) for name in FILES)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_an_area_of_mutants_has_its_files_and_tests(area):
    assert all(list(BASE.glob(pattern)) for pattern in (*area.files, *area.without))
    assert all((BASE / name).exists() for name in area.tests)


def test_the_share_counts_lines_and_branches():
    half = {
        "covered_lines": 3,
        "num_statements": 4,
        "covered_branches": 1,
        "num_branches": 4,
    }

    assert covered.share([half]) == (0.5, 8)
    assert covered.share([]) == (1.0, 0)
