"""Curves of metrics as REST shows them: columns, one value for each bucket."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle.curves import AXES, Curve
from lifecycle.times import stamp_ms
from mlops.core.fields import FiniteNumberField, Text, Whole
from mlops.core.serializers import AnswerSerializer, TimeField


def _column(field: serializers.Field[Any, Any, Any, Any], says: str) -> Any:
    return serializers.ListField(child=field, help_text=says)


@extend_schema_serializer(component_name="MetricCurveResponse")
class MetricCurveSerializer(AnswerSerializer):
    """One metric of a run, in buckets by step or time that hold every point."""

    absent_when_unknown = frozenset({"run_name", "dataset"})

    run_id = Text(help_text="The run that logged the points.")
    run_name = Text(help_text="What the run was called; absent where it has no name.")
    started_at = TimeField(help_text="When the run began: the zero of relative time.")
    metric_name = Text(help_text="The metric, as it was logged.")
    dataset = Text(help_text="Where the metric was measured on a named one.")
    axis = serializers.ChoiceField(
        choices=AXES, help_text="What `x` and `width` count: steps or milliseconds."
    )
    width = Whole(
        help_text="Width of each bucket in units of the axis, a power of two; buckets "
        "start at its multiples."
    )
    points = Whole(help_text="Points that were counted: the sum of `count`.")
    x = _column(Whole(), "First step, or milliseconds since 1970, in each bucket.")
    count = _column(Whole(min_value=1), "Points in each bucket.")
    special = _column(Whole(min_value=0), "Points among them that are NaN or infinite.")
    min = _column(
        FiniteNumberField(allow_null=True),
        "Least finite value of each bucket; null if it has none.",
    )
    max = _column(
        FiniteNumberField(allow_null=True),
        "Greatest finite value of each bucket; null if it has none.",
    )
    mean = _column(
        FiniteNumberField(allow_null=True),
        "Mean of the finite values of each bucket; null if it has none, or if they are "
        "too large to be added.",
    )

    def to_representation(self, instance: Curve) -> dict[str, Any]:
        found = instance.buckets.values()
        return self.known(
            {
                "run_id": instance.run.uid,
                "run_name": instance.run.name or None,
                "started_at": stamp_ms(instance.run.started_ms),
                "metric_name": instance.metric,
                "dataset": instance.dataset or None,
                "axis": instance.axis,
                "width": 1 << instance.shift,
                "points": instance.points,
                "x": [one.first for one in found],
                "count": [one.finite + one.special for one in found],
                "special": [one.special for one in found],
                "min": [one.low for one in found],
                "max": [one.high for one in found],
                "mean": [one.mean for one in found],
            }
        )
