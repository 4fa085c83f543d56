"""What is written into a release's store, all of it through public APIs.

People in the admin site, data and models by REST, training by the MLflow protocol
too, requests through the gateway. Nothing is drawn by chance, so that a store differs
from another of the same release by its ids and times alone.
"""

from tests.releases.telling import data, people, serving, training, watching
from tests.releases.telling.world import World

CHAPTERS = (
    people.invite,
    watching.listen,
    data.share,
    data.describe,
    training.train_by_rest,
    training.train_by_mlflow,
    watching.trace,
    training.register,
    serving.set_rules,
    serving.deploy,
    serving.ask,
    serving.move_on,
    data.move_on,
    serving.settle,
    watching.stop_listening,
)

__all__ = ["CHAPTERS", "World", "tell"]


def tell(world: World) -> None:
    """Tell the chapters in order; each needs what those before it have made."""
    for chapter in CHAPTERS:
        chapter(world)
