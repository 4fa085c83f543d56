"""Revisions of the rules under which a model's file is read and called.

A deployment keeps the rules under which it was validated, over restarts, scaling and
rollback, so that an upgrade changes no answer of what serves; deploying again takes
the newest. How a format is read under a rule stays in the code as long as its number
is here:

1. Each file as its native library has it at the lowest level: a Booster, or an
   estimator's `predict` and `predict_proba` of one matrix in double precision.
2. Each file as the class that saved it predicts: with the best iteration, labels and
   words of categories; of a folder with an MLmodel, as its signature and
   `mlflow.pyfunc` say. Columns of words and texts are inputs of their own.
3. As 2, but XGBoost's words of categories only where the file has them whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FIRST = 1
WHOLE_WORDS = 3
NEWEST = 3

CHANGES = {
    2: (
        "Revision 2 of the rules of reading answers as the class that saved the model "
        "does, or as the MLmodel says: labels of classifiers beside probabilities, the "
        "best iteration of early stopping, words of categories, columns of the logged "
        "signature."
    ),
    3: (
        "Revision 3 of the rules of reading refuses XGBoost models whose words of "
        "categories are not ASCII: the file has pieces of them."
    ),
}
"""What newer rules may answer otherwise, by their number."""


def newest() -> int:
    """Return what a new deployment is read under."""
    return NEWEST


@dataclass(frozen=True, slots=True)
class FileReading:
    """The rules that a file is read under, and what came of asking under newer ones.

    `compared_with` are the newer rules that were asked the same, 0 for none, and
    `comparison` has what came of it: `differences` to so many `requests`, or why it is
    `unknown`.
    """

    number: int
    compared_with: int = 0
    comparison: Mapping[str, Any] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """Sentences about answers that differ under the newest rules."""
        found = self.comparison if self.compared_with == NEWEST else None
        return changes_since(self.number, found)

    @property
    def differences(self) -> list[str] | None:
        """Differences of answers under the newest rules; None if unknown."""
        if self.number >= NEWEST:
            return []
        if self.compared_with != NEWEST or "unknown" in self.comparison:
            return None
        return list(self.comparison.get("differences", ()))


def changes_since(reading: int, compared: Mapping[str, Any] | None) -> list[str]:
    """Return what the newest rules answer otherwise, in sentences.

    `compared` is what came of asking under both: `differences` and `requests`, or why
    it is `unknown`; None where they were not compared yet.
    """
    may = [change for number, change in sorted(CHANGES.items()) if number > reading]
    if not may:
        return []
    if compared is None:
        return [*may, f"This model was not yet asked under revision {NEWEST}."]
    if "unknown" in compared:
        return [
            *may,
            f"Where it would answer otherwise is not known: {compared['unknown']}",
        ]
    return _sentences(compared["differences"], compared["requests"])


def _sentences(differences: Sequence[str], requests: int) -> list[str]:
    if not requests and not differences:
        return [
            "Rules of reading do not touch this model: it is code, asked by itself."
        ]
    if not differences:
        same = f"Deployed again, under revision {NEWEST} of the rules of reading, it"
        compared = f"{requests} requests were asked under both"
        return [f"{same} takes and answers the same, to a millionth: {compared}."]
    return [
        f"Deployed again, under revision {NEWEST} of the rules of reading, {each}."
        for each in differences
    ]
