"""Steer what is under way, retire what serves."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.serializers import DeploymentSerializer, ReasonSerializer
from deployments.viewsets.base import TAGS, DeploymentBase, shown
from mlops.core.serializers import actor, validated


class RolloutViewSet(DeploymentBase):
    action_permissions = {
        "promote": "change",
        "pause": "change",
        "resume": "change",
        "abort": "change",
        "terminate": "change",
    }

    @extend_schema(
        operation_id="promoteDeployment",
        summary="Promote Deployment",
        description="Gives a canary or shadow all the traffic.",
        tags=TAGS,
        request=ReasonSerializer,
        responses=DeploymentSerializer,
    )
    def promote(self, request: Request, deployment_id: str) -> Response:
        body, deployment = validated(ReasonSerializer, request), self.get_object()
        deployment.rollout.promote(by=actor(request), reason=body.get("reason", ""))
        return Response(shown(deployment))

    @extend_schema(
        operation_id="pauseDeployment",
        summary="Pause Deployment",
        description="Holds a canary at its present share.",
        tags=TAGS,
        request=ReasonSerializer,
        responses=DeploymentSerializer,
    )
    def pause(self, request: Request, deployment_id: str) -> Response:
        body, deployment = validated(ReasonSerializer, request), self.get_object()
        deployment.rollout.pause(by=actor(request), reason=body.get("reason", ""))
        return Response(shown(deployment))

    @extend_schema(
        operation_id="resumeDeployment",
        summary="Resume Deployment",
        tags=TAGS,
        request=ReasonSerializer,
        responses=DeploymentSerializer,
    )
    def resume(self, request: Request, deployment_id: str) -> Response:
        """Lets a paused rollout go on from where it was held."""
        body, deployment = validated(ReasonSerializer, request), self.get_object()
        deployment.rollout.resume(by=actor(request), reason=body.get("reason", ""))
        return Response(shown(deployment))

    @extend_schema(
        operation_id="abortDeployment",
        summary="Abort Deployment",
        description="Ends a canary or shadow; the active one keeps the traffic.",
        tags=TAGS,
        request=ReasonSerializer,
        responses=DeploymentSerializer,
    )
    def abort(self, request: Request, deployment_id: str) -> Response:
        body, deployment = validated(ReasonSerializer, request), self.get_object()
        deployment.rollout.abort(by=actor(request), reason=body.get("reason", ""))
        return Response(shown(deployment))

    @extend_schema(
        operation_id="terminateDeployment",
        summary="Terminate Deployment",
        description="Takes the active one out of service, without a successor.",
        tags=TAGS,
        request=ReasonSerializer,
        responses=DeploymentSerializer,
    )
    def terminate(self, request: Request, deployment_id: str) -> Response:
        body, deployment = validated(ReasonSerializer, request), self.get_object()
        deployment.terminate(by=actor(request), reason=body.get("reason", ""))
        return Response(shown(deployment))
