"""Rows of the catalogue; a test names only what matters to it."""

import factory

from datasets.models import Feature
from datasets.states import DataType, FeatureType


class FeatureFactory(factory.Factory):
    """Made by the verb, so that it has its first version."""

    class Meta:
        model = Feature

    feature_name = factory.Sequence(lambda n: f"feature_{n}")
    feature_type = FeatureType.NUMERICAL
    data_type = DataType.FLOAT
    description = "A feature of the tests"
    by = None

    @classmethod
    def _create(cls, model_class, **fields):
        return model_class.create_from(**fields)

    @classmethod
    def active(cls, **fields):
        return cls(**fields).activate(by=None)
