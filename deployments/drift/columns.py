"""Mapping of a model's inputs to columns of the training data.

A request calls its values as the model's file does. That is a name of the training
data where the model was exported with names; a model with one wide input has only
places, `features_0`, `features_1`, …, whose names somebody has to say: the caller,
the run (a parameter `features`: a list, or a text with commas), or the dataset (its
declared features, in order).
"""

import json
import re
from collections.abc import Sequence

from datasets.models import DatasetVersion
from deployments.errors import InputsUnknown
from lifecycle.models import ModelVersion, Param

PARAMETER = "features"
_PLACE = re.compile(r"(.*)[_\[](\d+)\]?")


def named(
    live: Sequence[str],
    training: Sequence[str],
    version: ModelVersion,
    reference: DatasetVersion,
    given: Sequence[str] = (),
) -> dict[str, str]:
    """Return the training data's name of each live column that has one there.

    Raises InputsUnknown when no live column can be told apart.
    """
    known = {name: name for name in live if name in training}
    if known and not given:
        return known
    places = _places(live)
    for names in (given, _logged(version), _declared(reference)):
        if names and len(names) == len(places):
            pairs = zip(places, names, strict=True)
            found = {place: name for place, name in pairs if name in training}
            if found:
                return found
    raise InputsUnknown(
        f"The {len(live)} inputs of {version} cannot be matched with the columns of "
        f"{reference}. Log the run's parameter {PARAMETER!r} as the list of columns "
        "in the model's order, or declare them as the dataset's features.",
        field="columns",
        inputs=list(live),
    )


def _places(live: Sequence[str]) -> list[str]:
    """Return the columns of the one wide input in its order; else as they come."""
    found = [(_PLACE.fullmatch(name), name) for name in live]
    matched = [(match, name) for match, name in found if match is not None]
    prefixes = {match.group(1) for match, _ in matched}
    if len(matched) != len(live) or len(prefixes) != 1:
        return list(live)
    return [name for _, name in sorted(matched, key=lambda one: int(one[0].group(2)))]


def _logged(version: ModelVersion) -> list[str]:
    params = Param.objects.filter(
        run__in=version.training_run_ids, key__name=PARAMETER
    ).order_by("run")
    param = params.first()
    return _listed(param.value) if param else []


def _listed(text: str) -> list[str]:
    """Return the names of a JSON list, of a Python list's text, or between commas."""
    try:
        found = json.loads(text)
    except ValueError:
        found = [part.strip(" '\"") for part in text.strip("[]() ").split(",")]
    return [one for one in found if isinstance(one, str)] if _is_list(found) else []


def _is_list(found: object) -> bool:
    return isinstance(found, list)


def _declared(reference: DatasetVersion) -> list[str]:
    features = reference.dataset.declared.order_by("position")
    return list(features.values_list("name", flat=True))
