"""What is served answers as the library does that the model was trained with."""

import os
from pathlib import Path

import pytest

from tests.deployments.formats import page
from tests.deployments.formats.comparing import compare, run

pytestmark = pytest.mark.filterwarnings("ignore")  # as a model process does
SAMPLE = [
    "xgb classifier early stopping",
    "xgb classifier categories",
    "lgb booster categories",
    "lgbm classifier labels",
    "mixed columns logistic",
    "text naive bayes",
    "several labels",
    "converted logistic",
]
WRITES = "WRITE_PAGES"


def trained(place: Path, *names: str) -> list[Path]:
    """Train and save models, and let their libraries answer; return their folders."""
    run("cases.py", place, *names)
    run("reference.py", place)
    return sorted(told.parent for told in place.glob("*/case.json"))


def test_a_sample_of_flavours_is_equal(tmp_path):
    found = [compare(place) for place in trained(tmp_path, *SAMPLE)]

    assert len(found) == len(SAMPLE)
    assert [one.name for one in found if not one.is_equal] == []


@pytest.mark.slow
def test_every_flavour_is_equal_and_the_page_says_so(tmp_path):
    found = [compare(place) for place in trained(tmp_path)]

    assert len(found) >= 40
    assert [one.name for one in found if not one.is_equal] == []
    if os.environ.get(WRITES):
        page.write(found)
    assert page.names() == {one.name for one in found}
