"""The demo story: a model's whole life, run through the public API.

Prices become a dataset; a model is trained, approved, deployed and asked; the world
changes; a second model takes over and is rolled back. Everything is done by calls
that any client could make, so telling the story is a test of the house as well.
Telling it again changes nothing that is there.
"""

from mlops.demo.story import catalogue, drift, registry, serving, training
from mlops.demo.story.cast import StoryCast

CHAPTERS = (
    catalogue.share_the_data,
    training.train_first,
    registry.approve_first,
    serving.deploy_first,
    drift.notice_drift,
    training.train_second,
    registry.approve_second,
    serving.deploy_second,
    serving.roll_back,
)


def run(cast: StoryCast) -> None:
    """Run the chapters in order. Raises ApiError if the story cannot continue."""
    for chapter in CHAPTERS:
        chapter(cast)
