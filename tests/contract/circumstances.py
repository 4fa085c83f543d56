"""What has to be so before some examples are sent: a canary, a reading under way.

In the world as it is, these operations have nothing to act on and refuse.
"""

from uuid import UUID

import pyarrow as pa
from django.utils import timezone

from datasets.models import DatasetVersion, Feature, IngestJob
from datasets.states import VersionState
from deployments import samples
from deployments.models import Deployment
from deployments.states import Status

CANARY = {"type": "canary", "steps": [10, 50], "seconds_per_step": 600}


def canary(world, *, is_paused=False):
    """Let the deployment be at the first step of a canary."""
    Deployment.objects.filter(pk=world["deployment"]).update(
        status=Status.DEPLOYING,
        strategy=CANARY,
        traffic_percent=10,
        rollout_at=timezone.now(),
        is_paused=is_paused,
        ready_instances=1,
    )


def paused(world):
    """Let the canary have been paused."""
    canary(world, is_paused=True)


def active_feature(world):
    """Let the feature be in use."""
    Feature.objects.get(feature_name="age").activate(by=None)


def unread(world):
    """Let the dataset's first version be one that is still read."""
    version = DatasetVersion.objects.get(dataset=world["dataset"], number=1)
    DatasetVersion.objects.filter(pk=version.pk).update(state=VersionState.PROCESSING)
    IngestJob.objects.filter(version=version).update(finished_at=None)


def newer_feature(world):
    """Let the feature be of a newer version than its first."""
    Feature.objects.get(feature_name="age").release_version("1.1.0", by=None)


def sampled(world):
    """Let the gateway have kept two requests to the deployment."""
    now = timezone.now()
    times = pa.array([now] * 2, pa.timestamp("ms", "UTC"))
    rows = pa.table({"x": [1.0, 2.0], "y": [2.0, 3.0], samples.SAMPLED_AT: times})
    start = int(now.timestamp()) // samples.PERIOD_S * samples.PERIOD_S
    samples.store(UUID(world["deployment"]), rows, f"{start}-gateway")


ACTED_UPON = {
    "abortDeployment": canary,
    "cancelDatasetVersion": unread,
    "deprecateFeature": active_feature,
    "pauseDeployment": canary,
    "promoteDeployment": canary,
    "resumeDeployment": paused,
    "rollbackVersion": newer_feature,
}
"""By operation that takes a reason or nothing: called with the world before it."""
NEEDED = {**ACTED_UPON, "checkDeploymentDrift": sampled}
"""By operation: called with the world before its example is sent."""
