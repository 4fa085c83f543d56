"""Runs over REST."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import DatasetVersion
from lifecycle import labels
from lifecycle.addresses import address
from lifecycle.filters import RunFilter
from lifecycle.models import Experiment, Run
from lifecycle.models.inputs import catalogue_version
from lifecycle.models.metric import Snapshot
from lifecycle.serializers.parts import references
from lifecycle.serializers.run import (
    RunCreateSerializer,
    RunSerializer,
    RunUpdateSerializer,
)
from lifecycle.states import RunStatus
from lifecycle.times import to_ms
from lifecycle.viewsets.base import TAGS
from mlops.core import names
from mlops.core.errors import Invalid
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import ApiViewSet, created


class RunViewSet(ApiViewSet):
    permission_model = "lifecycle.run"
    serializer_class = RunSerializer
    filterset_class = RunFilter
    lookup_url_kwarg = "run_id"
    sort_fields = {
        "started_at": "started_ms",
        "completed_at": "ended_ms",
        "status": "status",
        "run_id": "uid",
    }

    def get_queryset(self) -> QuerySet[Run]:
        return Run.objects.alive().whole()

    def find_object(self) -> Run:
        return Run.objects.whole().find(self.kwargs["run_id"])

    @extend_schema(operation_id="listRuns", summary="List Runs", tags=TAGS)
    def list(self, request: Request) -> Response:
        """Returns the runs that meet all filters, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(RunSerializer(page or [], many=True).data)

    @extend_schema(
        operation_id="logRun",
        summary="Log Run",
        tags=TAGS,
        request=RunCreateSerializer,
        responses={201: RunSerializer},
    )
    def create(self, request: Request) -> Response:
        """Begins a run with all that is known of it; all of it is kept or nothing."""
        body, user = validated(RunCreateSerializer, request), actor(request)
        version = _dataset(body)
        run = Run.start(
            Experiment.objects.find(body["experiment_name"]),
            by=user,
            notes=body.get("notes"),
            **_chosen_id(body),
        )
        run.log(
            params=_distinct(body.get("parameters", [])),
            tags=labels.parse(body.get("tags", [])),
        )
        run.measure(_snapshots(body.get("metrics", [])))
        run.refer_to(references(body.get("artifacts", [])), by=user)
        if version is not None:
            run.read_dataset(version)
        shown = RunSerializer(self.get_queryset().get(pk=run.pk)).data
        return created(shown, location=address("runs", run.uid))

    @extend_schema(
        operation_id="getRun", summary="Get Run", tags=TAGS, responses=RunSerializer
    )
    def retrieve(self, request: Request, run_id: str) -> Response:
        """Returns one run with its parameters, newest metrics and files."""
        return Response(RunSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="updateRun",
        summary="Update Run",
        tags=TAGS,
        request=RunUpdateSerializer,
        responses=RunSerializer,
    )
    def partial_update(self, request: Request, run_id: str) -> Response:
        """Adds metrics and artifacts, then ends the run if a status says so."""
        body, user = validated(RunUpdateSerializer, request), actor(request)
        run: Run = self.get_object()
        if metrics := body.get("metrics"):
            run.measure(_snapshots(metrics))
        if artifacts := body.get("artifacts"):
            run.refer_to(references(artifacts), by=user)
        if body.get("notes") is not None:
            run.describe(body["notes"], by=user)
        ended_ms = _ended_ms(body)
        if status := body.get("status"):
            run.finish(RunStatus(status), ended_ms=ended_ms, by=user)
        return Response(RunSerializer(self.get_queryset().get(pk=run.pk)).data)


def _chosen_id(body: dict[str, Any]) -> dict[str, Any]:
    chosen = body.get("run_id")
    return {"uid": names.clean(chosen, field="run_id")} if chosen else {}


def _dataset(body: dict[str, Any]) -> DatasetVersion | None:
    name, label = body.get("dataset_name"), body.get("dataset_version")
    if name:
        return catalogue_version(name, label or "latest")
    if label:
        raise Invalid("dataset_version goes with dataset_name.", field="dataset_name")
    return None


def _distinct(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for parameter in parameters:
        if parameter["name"] in params:
            raise Invalid(
                f"The parameter {parameter['name']!r} is given twice.",
                field="parameters",
            )
        params[parameter["name"]] = parameter["value"]
    return params


def _snapshots(metrics: list[dict[str, Any]]) -> list[Snapshot]:
    return [
        Snapshot(
            metric["metric_name"],
            metric["value"],
            metric.get("dataset") or "",
            metric.get("step"),
        )
        for metric in metrics
    ]


def _ended_ms(body: dict[str, Any]) -> int | None:
    completed_at, status = body.get("completed_at"), body.get("status")
    if completed_at is None:
        return None
    if status in {None, RunStatus.RUNNING}:
        raise Invalid(
            "completed_at goes with a status that ends the run.", field="completed_at"
        )
    return to_ms(completed_at)
