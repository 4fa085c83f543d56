"""Chapter 5: the live rows no longer look like those the model has learnt from."""

from datetime import date

import numpy as np

from mlops.demo.panel import FEATURE_NAMES, SPLIT, Matrix
from mlops.demo.story.cast import LIFECYCLE, MODEL, Cast
from mlops.demo.story.registry import FIRST_VERSION
from mlops.demo.story.serving import CRISIS_OF_2008

TRAINED_ON = (date(1990, 1, 1), SPLIT)
THRESHOLD, CRITICAL = 0.2, 1.0
BINS = 10
FLOOR = 1e-4


def notice_drift(cast: Cast) -> None:
    if cast.scientist.get(f"{LIFECYCLE}/drift-events", model_name=MODEL):
        return
    with cast.step("Measured the drift of the live rows against the training data"):
        before = cast.panel.between(*TRAINED_ON)
        live = cast.panel.between(*CRISIS_OF_2008)
        drifts = {
            name: psi(before.column(name), live.column(name)) for name in FEATURE_NAMES
        }
        worst = max(drifts, key=lambda name: drifts[name])
        _record(cast, worst, drifts[worst])


def psi(reference: Matrix, observed: Matrix) -> float:
    """Return the population stability index over deciles of the reference, 0 or more.

    Above 0.2 a change is usually called large. Shares below 0.0001 count as that.
    """
    edges = np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1])
    expected, found = (
        np.maximum(
            np.bincount(np.searchsorted(edges, x), minlength=BINS) / len(x), FLOOR
        )
        for x in (reference, observed)
    )
    return float(np.sum((found - expected) * np.log(found / expected)))


def _record(cast: Cast, name: str, value: float) -> None:
    body = {
        "model_name": MODEL,
        "version": FIRST_VERSION,
        "severity": "critical" if value > CRITICAL else "high",
        "metric_name": f"psi:{name}",
        "metric_value": value,
        "threshold": THRESHOLD,
        "message": f"{name} of July to December 2008 against 1990 to 2006",
        "remediation_action": "Train again on the years since 2007",
    }
    cast.scientist.post(f"{LIFECYCLE}/drift-events", body)
