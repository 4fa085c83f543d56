"""A reconciler and a gateway, real ones, over models that only pretend to start.

What a deployment answers is told by the header `x-deployment-id` that the gateway sets
for the deployment that it asked.
"""

import threading

from django.db import connection
from django.utils import timezone

from deployments.models import Deployment, Slot
from deployments.reconciler import Reconciler
from deployments.reconciler.loop import run
from deployments.serving.publishing import FilePublisher
from deployments.serving.supervisor.routing import publish_access, publish_route
from deployments.states import Environment, Health, Status
from deployments.targets.scripted import ScriptedTarget
from lifecycle.models import RegisteredModel
from tests.deployments.factories import VersionFactory


class PublishingTarget(ScriptedTarget):
    """A scripted target whose routes reach real gateways; one socket serves all."""

    def __init__(self, run_folder, socket):
        super().__init__()
        self.publisher, self._socket = FilePublisher(run_folder), socket

    def apply(self, spec):
        super().apply(spec)
        value = {
            "deployment_id": spec.deployment_id,
            "version": spec.model_version,
            "sockets": [str(self._socket)],
        }
        self.publisher.put(f"backends/{spec.deployment_id}", value)

    def route(self, route):
        super().route(route)
        publish_route(self.publisher, route)

    def admit(self, access):
        publish_access(self.publisher, access)

    def settle(self):
        super().settle()
        self.publisher.settle()

    def complete(self):
        self.publisher.complete()

    def close(self, *, stop_all=False):
        super().close(stop_all=stop_all)
        self.publisher.close()


class Worker:
    """Runs the reconciler's loop in a thread while it is entered."""

    def __init__(self, target, folder):
        targets = dict.fromkeys(Environment.values, target)
        self._reconciler = Reconciler(targets, folder=folder)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()

    def _run(self):
        try:
            run(self._reconciler, self._stopping)
        finally:
            connection.close()


def crowd(count):
    """Make so many deployments that serve, each in a slot of its own."""
    version = VersionFactory()
    models = RegisteredModel.objects.bulk_create(
        [RegisteredModel(name=f"crowd-{number}") for number in range(count)]
    )
    slots = Slot.objects.bulk_create(
        [Slot(model=model, environment="development") for model in models]
    )
    Deployment.objects.bulk_create(
        [
            Deployment(
                slot=slot,
                revision=1,
                model_version=version,
                artifact=version.artifact,
                artifact_sha256=version.artifact.sha256,
                status=Status.ACTIVE,
                traffic_percent=100,
                health=Health.HEALTHY,
                deployed_at=timezone.now(),
            )
            for slot in slots
        ],
        batch_size=500,
    )
