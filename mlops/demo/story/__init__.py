"""The demo story: a model's whole life, run through the public API.

Prices become a dataset; a model is trained, approved, deployed and asked; the world
changes; a second model takes over and is rolled back. Everything is done by calls
that any client could make, so telling the story is a test of the house as well.
Telling it again changes nothing that is there.
"""

from collections.abc import Callable

from mlops.demo.story import catalogue, drift, registry, serving, training
from mlops.demo.story.cast import StoryCast

Chapter = Callable[[StoryCast], None]

CHAPTERS: tuple[tuple[str, Chapter], ...] = (
    (
        "Two uploads of prices of 20 stocks, and features on them",
        catalogue.share_the_data,
    ),
    ("A first model is trained", training.train_first),
    ("A second person approves it", registry.approve_first),
    ("It is deployed and asked", serving.deploy_first),
    ("Drift is noticed", drift.notice_drift),
    ("A second model is trained", training.train_second),
    ("It is approved", registry.approve_second),
    ("It takes over", serving.deploy_second),
    ("It is rolled back", serving.roll_back),
)


def run(cast: StoryCast, *, announce: Callable[[str], None]) -> None:
    """Run the chapters in order, each announced with its number before it begins.

    Raises ApiError if the story cannot continue.
    """
    for number, (title, chapter) in enumerate(CHAPTERS, 1):
        announce(f"{number}/{len(CHAPTERS)}  {title}")
        chapter(cast)
