"""Makes the target's spec of a deployment's row."""

import dataclasses
from pathlib import Path

from django.conf import settings

from deployments.instance_types import INSTANCE_TYPES
from deployments.models import Deployment, EnvironmentRule
from deployments.plan import TIMEOUT_S
from deployments.reconciler.probation import signature_before
from deployments.reconciler.signature import manifest_of
from deployments.serving import readings
from deployments.serving.terms import (
    DataFile,
    FolderFile,
    Manifest,
    ModelFile,
    PyfuncFolder,
    Spec,
    TargetRefused,
)
from lifecycle import mlmodel
from lifecycle.artifacts import file_path
from lifecycle.models import Artifact, servable

HANGS_AFTER_S = 20.0
GOLDEN_SUFFIX = ".golden.json"
CHANGED = (
    "Files of the model were added, removed or changed after the deployment was asked "
    "for."
)


def spec_of(deployment: Deployment, rule: EnvironmentRule) -> Spec:
    """Return what the target shall run.

    Raises TargetRefused when there is no artifact, or no such instance type any more.
    """
    artifact = deployment.artifact
    if artifact is None or not artifact.is_stored:
        raise TargetRefused(
            f"{deployment.model_version} has no artifact that can be served."
        )
    kind = INSTANCE_TYPES.get(deployment.instance_type)
    if kind is None:
        raise TargetRefused(
            f"There is no instance type {deployment.instance_type!r} any more."
        )
    low, high = deployment.plan.bounds()
    return Spec(
        deployment_id=str(deployment.pk),
        environment=deployment.environment,
        model_name=deployment.slot.model.name,
        model_version=deployment.model_version.version,
        file=_file(artifact, deployment),
        instances=low if deployment.auto_scaling else deployment.instances,
        max_instances=high if deployment.auto_scaling else 0,
        cpus=kind.cpus,
        memory_bytes=kind.memory_bytes,
        allows_code=rule.allows_pickle,
        converts=rule.converts_to_onnx,
        interpreter=rule.interpreter,
        reading=deployment.reading,
        # The gateway gives up first; what then still runs is ended a while later.
        predict_limit_s=(deployment.timeout_s or TIMEOUT_S) + HANGS_AFTER_S,
        max_body_bytes=deployment.max_body_bytes or settings.MAX_BODY_BYTES,
        before=signature_before(deployment),
    )


def _file(artifact: Artifact, deployment: Deployment) -> ModelFile:
    digest = deployment.artifact_sha256
    is_folder = servable.is_folder(artifact)
    beside = servable.manifest_beside(artifact)
    data = () if is_folder else _data(artifact, deployment)
    return ModelFile(
        path=file_path(artifact),
        name=artifact.path,
        sha256=artifact.sha256 if data else digest,
        size_bytes=artifact.size_bytes,
        golden=_golden(artifact),
        example=_example(artifact, beside, deployment.reading),
        manifest=manifest_of(deployment.signature) or _manifest(artifact, beside),
        feature_names=beside.columns,
        folder=_folder(artifact, digest) if is_folder else None,
        data=data,
    )


def _data(artifact: Artifact, deployment: Deployment) -> tuple[DataFile, ...]:
    """Return the files that an ONNX file keeps weights in. Raises TargetRefused.

    Those that were there when the deployment was asked for; the first rules of reading
    know of none.
    """
    if deployment.reading == readings.FIRST or not servable.names_files(artifact):
        return ()
    if servable.digest_of(artifact) != deployment.artifact_sha256:
        raise TargetRefused(CHANGED)
    found, top = servable.data_files_of(artifact), servable.folder_of(artifact)
    return tuple(
        DataFile(one.path.removeprefix(top), file_path(one), one.size_bytes, one.sha256)
        for one in found
    )


def _folder(manifest: Artifact, digest: str) -> PyfuncFolder:
    """Return what is to know of an MLflow folder. Raises TargetRefused."""
    pyfunc = servable.manifest_in(manifest).pyfunc
    if pyfunc is None:
        raise TargetRefused(
            f"{manifest.path} names no model file that can be served, and no "
            "python_function."
        )
    if servable.digest_of(manifest) != digest:
        raise TargetRefused(CHANGED)
    top = manifest.path.removesuffix(mlmodel.NAME)
    files = tuple(
        FolderFile(one.path.removeprefix(top), file_path(one), one.sha256)
        for one in servable.files_of(manifest)
    )
    return PyfuncFolder(
        files,
        pyfunc.loader_module,
        pyfunc.code,
        pyfunc.data,
        pyfunc.inputs,
        pyfunc.outputs,
    )


def _manifest(artifact: Artifact, beside: mlmodel.MLmodel) -> Manifest | None:
    """Return how the MLmodel says that this file is called, if it names the file."""
    if servable.is_folder(artifact) or artifact.path != _inside(artifact, beside.path):
        return None
    return Manifest(**dataclasses.asdict(beside.predict_spec))


def _example(artifact: Artifact, beside: mlmodel.MLmodel, reading: int) -> Path | None:
    """Return the request that was logged with the model, if its bytes are here."""
    if not beside.example or reading == readings.FIRST:
        return None
    found = Artifact.objects.filter(
        run=artifact.run_id,
        logged_model=artifact.logged_model_id,
        path=_inside(artifact, beside.example),
        is_stored=True,
    ).first()
    return file_path(found) if found else None


def _inside(artifact: Artifact, path: str) -> str:
    """Return a path of the artifact's folder as the store has it."""
    folder, _, _ = artifact.path.rpartition("/")
    return f"{folder}/{path}" if folder else path


def _golden(artifact: Artifact) -> Path | None:
    """Return the stored answers that lie beside the model or its folder, if any."""
    beside = Artifact.objects.filter(
        run=artifact.run_id,
        logged_model=artifact.logged_model_id,
        path__in=[
            f"{path}{GOLDEN_SUFFIX}"
            for path in (artifact.path, artifact.path.removesuffix(f"/{mlmodel.NAME}"))
        ],
        is_stored=True,
    ).first()
    return file_path(beside) if beside else None
