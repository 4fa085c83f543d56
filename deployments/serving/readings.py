"""The rules under which a model's file is read and asked, as numbers.

A deployment keeps the rules under which it was validated, over restarts, scaling and
rollback, so that an upgrade changes no answer of what serves; deploying again takes
the newest. How a format is read under a rule stays in the code as long as its number
is here:

1. Each file as its native library has it at the lowest level: a Booster, or an
   estimator's `predict` and `predict_proba` of one matrix in double precision.
2. Each file as the class that saved it predicts: with the best iteration, labels and
   words of categories; of a folder with an MLmodel, as its signature and
   `mlflow.pyfunc` say. Columns of words and texts are inputs of their own.
"""

FIRST = 1
NEWEST = 2

CHANGES = {
    2: (
        "Revision 2 of the rules of reading answers as the class that saved the model "
        "does, or as the MLmodel says: labels of classifiers beside probabilities, the "
        "best iteration of early stopping, words of categories, columns of the logged "
        "signature. Where that differs from these answers, deploying again takes it."
    ),
}
"""What newer rules answer otherwise, by their number."""


def newest() -> int:
    """Return what a new deployment is read under."""
    return NEWEST


def changes_since(reading: int) -> list[str]:
    """Return what rules newer than these may answer otherwise, in sentences."""
    return [said for number, said in sorted(CHANGES.items()) if number > reading]
