"""The rules under which a model's file is read and asked, as numbers.

A deployment keeps the rules under which it was validated, over restarts, scaling and
rollback, so that an upgrade changes no answer of what serves; deploying again takes
the newest. How a format is read under a rule stays in the code as long as its number
is here:

1. Each file as its native library has it at the lowest level: a Booster, or an
   estimator's `predict` and `predict_proba` of one matrix in double precision.
"""

FIRST = 1
NEWEST = 1


def newest() -> int:
    """Return what a new deployment is read under."""
    return NEWEST
