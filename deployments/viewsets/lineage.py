"""What a thing was made from, and what was made of it, over all apps."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.lineage import graph
from deployments.serializers.lineage import LineageGraphSerializer
from deployments.viewsets.base import DeploymentBase
from lifecycle.lineage import DEEPEST
from mlops.core.errors import BadQuery
from mlops.core.queries import single, whole

DIRECTIONS = ("both", "upstream", "downstream")


class LineageGraphViewSet(DeploymentBase):
    action_permissions = {"graph": "view"}
    query_parameters = ("of", "direction", "depth")

    @extend_schema(
        operation_id="getLineage",
        summary="Get Lineage",
        tags=["Model Lifecycle", "ML"],
        parameters=[
            OpenApiParameter(
                "of",
                str,
                required=True,
                description="`kind:id`, such as `run:<run id>`, "
                "`model_version:<name>:<version>` or `column:<dataset>:<column>`: "
                "downstream of a column is what breaks if it goes.",
            ),
            OpenApiParameter("direction", enum=DIRECTIONS),
            OpenApiParameter(
                "depth", {"type": "integer", "minimum": 1, "maximum": DEEPEST}
            ),
        ],
        responses=LineageGraphSerializer,
    )
    def graph(self, request: Request) -> Response:
        """Returns what a thing is made of, and what is made of it, as a graph."""
        asked = single(request, "direction")
        direction = "both" if asked is None else asked
        if direction not in DIRECTIONS:
            raise BadQuery(
                f"direction must be one of: {', '.join(DIRECTIONS)}.", field="direction"
            )
        depth = whole(request, "depth", default=DEEPEST, least=1, most=DEEPEST)
        found = graph(single(request, "of") or "", direction, depth)
        return Response(LineageGraphSerializer(found).data)
