"""Curves of metrics over REST: several runs and metrics in one question."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle.curves import AXES, MAX_BUCKETS, MIN_BUCKETS, CurveWindow, of_runs
from lifecycle.models import Run
from lifecycle.serializers.curves import MetricCurveSerializer
from lifecycle.viewsets.base import TAGS
from mlops.core.errors import BadQuery
from mlops.core.queries import single, whole
from mlops.core.viewsets import ApiViewSet

MAX_RUNS = 50
MAX_METRICS = 50
MAX_PLACE = 10**18
DEFAULT_BUCKETS = 500
_TEXTS = {"type": "array", "items": {"type": "string", "minLength": 1}}
_PARAMETERS = [
    OpenApiParameter(
        "run_id",
        {**_TEXTS, "minItems": 1, "maxItems": MAX_RUNS},
        required=True,
        explode=True,
        description="The runs, each by its id; the answer keeps their order.",
    ),
    OpenApiParameter(
        "metric",
        {**_TEXTS, "maxItems": MAX_METRICS},
        explode=True,
        description="The metrics by name; all that the runs have, if left out.",
    ),
    OpenApiParameter(
        "axis",
        {"type": "string", "enum": list(AXES)},
        default="step",
        description="Whether buckets are of steps or of time.",
    ),
    OpenApiParameter(
        "max_buckets",
        {"type": "integer", "minimum": MIN_BUCKETS, "maximum": MAX_BUCKETS},
        default=DEFAULT_BUCKETS,
        description="How many buckets a curve has at most.",
    ),
    OpenApiParameter(
        "low",
        {"type": "integer", "minimum": -MAX_PLACE, "maximum": MAX_PLACE},
        description="The first step or millisecond of a part, for a closer look.",
    ),
    OpenApiParameter(
        "high",
        {"type": "integer", "minimum": -MAX_PLACE, "maximum": MAX_PLACE},
        description="The last step or millisecond of the part, itself included.",
    ),
]


class CurveViewSet(ApiViewSet):
    permission_model = "lifecycle.run"
    action_permissions = {"list": "view"}
    queryset = Run.objects.none()
    serializer_class = MetricCurveSerializer
    pagination_class = None
    query_parameters = tuple(one.name for one in _PARAMETERS)

    @extend_schema(
        operation_id="listMetricCurves",
        summary="List Metric Curves",
        tags=TAGS,
        parameters=_PARAMETERS,
        responses=MetricCurveSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """The curves of runs' metrics, each over its whole history, for charts.

        Every point is in a bucket, also one that came late. Runs without such a metric
        have no curve; more than 120 curves are refused.
        """
        for name in request.query_params:
            if name not in self.query_parameters:
                raise BadQuery(f"There is no query parameter {name!r}.", field=name)
        window = _window(request)
        uids = _texts(request, "run_id", MAX_RUNS)
        if not uids:
            raise BadQuery("Name at least one run.", field="run_id")
        metrics = _texts(request, "metric", MAX_METRICS)
        curves = of_runs(uids, metrics, window)
        return Response(MetricCurveSerializer(curves, many=True).data)


def _window(request: Request) -> CurveWindow:
    asked = single(request, "axis")
    axis = "step" if asked is None else asked
    named = next((one for one in AXES if one == axis), None)
    if named is None:
        raise BadQuery(f"axis is one of {', '.join(AXES)}.", field="axis")
    most = whole(
        request,
        "max_buckets",
        default=DEFAULT_BUCKETS,
        least=MIN_BUCKETS,
        most=MAX_BUCKETS,
    )
    low, high = _bound(request, "low"), _bound(request, "high")
    if low is not None and high is not None and low > high:
        raise BadQuery("low must not be above high.", field="low")
    return CurveWindow(named, most, low, high)


def _bound(request: Request, name: str) -> int | None:
    if name not in request.query_params:
        return None
    return whole(request, name, default=0, least=-MAX_PLACE, most=MAX_PLACE)


def _texts(request: Request, name: str, most: int) -> list[str]:
    given = request.query_params.getlist(name)
    if len(given) > most or "" in given:
        raise BadQuery(f"Give 1 to {most} of {name}, none of them empty.", field=name)
    return list(dict.fromkeys(given))
