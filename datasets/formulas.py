"""Computes the statistics of features that are formulas over columns.

They are kept with the binding, under the content that they are of.
"""

import logging
from typing import Any

import orjson

from datasets import storage
from datasets.analytics import expression, profile
from datasets.error_translation import Refused, translated_errors
from datasets.models import DatasetVersion, Feature, FeatureBinding
from datasets.models.event import columns_of
from datasets.stored_answers import dumps

logger = logging.getLogger(__name__)


def compute(feature: Feature) -> None:
    """Compute a formula's statistics over the current content, unless they are stored.

    If analytics refuses (busy, too large), they are left out, and the feature says so.
    """
    bound, version = feature.bound_to, feature.data_version
    if bound is None or version is None or not bound.expression:
        return
    if bound.computed_figures is None:
        try:
            bound.keep_figures(version, _figures(bound, version))
        except Refused as refused:
            logger.info("No figures of %s: %s", feature.pk, refused.message)


def catch_up(version: DatasetVersion) -> None:
    """Compute the formulas over a dataset whose current version has changed."""
    if version.dataset.current_version_id != version.pk:
        return
    found = FeatureBinding.objects.filter(dataset=version.dataset).exclude(
        expression=""
    )
    for bound in found.select_related("feature", "dataset__current_version"):
        compute(bound.feature)


def _figures(bound: FeatureBinding, version: DatasetVersion) -> dict[str, Any]:
    formula = expression.parse(bound.expression)
    with translated_errors():
        table = expression.computed(
            storage.data_path(version.digest), formula, columns_of(version)
        )
        (figures,) = profile.profile(table).columns
    found: dict[str, Any] = orjson.loads(dumps(figures))
    return found
