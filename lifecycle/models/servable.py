"""Selection of the servable file or folder of a run or logged model."""

import hashlib
import logging
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from django.db import connection
from django.db.models import Q, QuerySet

from lifecycle import mlmodel, onnxfile
from lifecycle.models.artifact import Artifact
from lifecycle.models.logged_model import LoggedModel
from lifecycle.models.run import Run
from lifecycle.paths import stored_key
from lifecycle.states import SERVABLE_SUFFIXES
from mlops.core.byte_store import byte_store

logger = logging.getLogger(__name__)

PREFERRED = "model.onnx"
"""What MLflow's onnx flavour calls the file in a model's directory."""

_MARKS = [*(f"%{suffix}" for suffix in SERVABLE_SUFFIXES), f"%{mlmodel.NAME.lower()}"]
_SERVABLE = " OR ".join(["path = %s", *(["LOWER(path) LIKE %s"] * len(_MARKS))])
_FILES = f"""
    SELECT 1 FROM lifecycle_artifact WHERE run_id = %s AND ({_SERVABLE})
    UNION ALL
    SELECT 1 FROM lifecycle_artifact WHERE ({_SERVABLE}) AND logged_model_id IN (
        SELECT id FROM lifecycle_loggedmodel WHERE source_run_id = %s OR id = %s)
    LIMIT 1
"""  # noqa: S608 - marks only


def find(
    run: Run | None, logged_model: LoggedModel | None, artifact_path: str
) -> Artifact | None:
    """Return the file to serve, or None if there is none or it is not clear which.

    In this order: what `artifact_path` names among the files of the logged model, or
    of the run (a file, or a folder with one servable file), the logged model's servable
    file, the run's only one, that of the only model the run logged. In a folder that
    MLflow wrote, it is the file that the MLmodel names; the MLmodel itself stands for
    a folder that is a python_function. A path that names nothing is a label.
    """
    if named := _named(logged_model, artifact_path) or _named(run, artifact_path):
        return named
    if logged_model is not None:
        return _only(_stored(Q(logged_model=logged_model)))
    if run is None:
        return None
    return _only(_stored(Q(run=run))) or _only(
        _stored(Q(logged_model__source_run=run, logged_model__deleted_ms=None))
    )


def pin(
    run: int | None, logged_model: str | None, artifact_path: str
) -> Artifact | None:
    """As `find`, by keys, locking the owners until the commit, so that the file stays.

    Owners without any candidate file are not locked.
    """
    if not _may_hold_any(run, logged_model, artifact_path):
        return None
    owner, logged = None, None
    if run is not None:
        owner = Run.objects.select_for_update().filter(pk=run).first()
    if logged_model is not None:
        models = LoggedModel.objects.select_for_update()
        logged = models.filter(pk=logged_model).first()
    return find(owner, logged, artifact_path)


def _may_hold_any(run: int | None, logged_model: str | None, path: str) -> bool:
    """Whether any upload of the owners, or of a model of the run, could be served."""
    if run is None and logged_model is None:
        return False
    wanted = [path.removesuffix("/"), *_MARKS]
    with connection.cursor() as cursor:
        cursor.execute(_FILES, [run, *wanted, *wanted, run, logged_model])
        return cursor.fetchone() is not None


def _named(owner: Run | LoggedModel | None, artifact_path: str) -> Artifact | None:
    """Return the owner's file with this path, else the only one below it to serve."""
    path = artifact_path.removesuffix("/")
    if owner is None or not path:
        return None
    files = owner.artifacts.filter(is_stored=True).order_by("path")
    return files.filter(path=path).first() or _only(
        files.filter(path__startswith=f"{path}/")
    )


def _stored(owner: Q) -> QuerySet[Artifact]:
    return Artifact.objects.filter(owner, is_stored=True).order_by("path")


def is_folder(artifact: Artifact) -> bool:
    """Whether it is an MLmodel, which stands for the folder that it lies in."""
    return artifact.path.rpartition("/")[2] == mlmodel.NAME


def files_of(artifact: Artifact) -> list[Artifact]:
    """Return the files that are served together, the artifact itself included.

    Of an MLmodel all that are in its folder, by path. Of an ONNX file those that it
    keeps weights in, after itself; one that is not here is left out.
    """
    if not is_folder(artifact):
        return [artifact, *data_files_of(artifact)]
    folder = artifact.path.removesuffix(mlmodel.NAME)
    inside = _stored(_owned_by(artifact) & Q(path__startswith=folder))
    return [
        one for one in inside if one.path.startswith(folder)
    ]  # SQLite minds no case


def data_files_of(artifact: Artifact) -> list[Artifact]:
    """Return the files in an ONNX file's folder that it keeps weights in, by path."""
    wanted = _data_paths(artifact)
    if not wanted:
        return []
    inside = _stored(_owned_by(artifact) & Q(path__startswith=folder_of(artifact)))
    return [one for one in inside if one.path in wanted and one.pk != artifact.pk]


def names_files(artifact: Artifact) -> bool:
    """Whether it is an ONNX file that keeps weights in others, here or not."""
    return bool(_data_paths(artifact))


def folder_of(artifact: Artifact) -> str:
    """Return the folder that an artifact lies in, with a slash; "" for the top."""
    folder, slash, _ = artifact.path.rpartition("/")
    return folder + slash


def keeping_weights_in(artifacts: QuerySet[Artifact], path: str) -> list[Artifact]:
    """Return the ONNX files that are in use and that need the file at a path.

    An ONNX file is opened only if the path lies in its folder or below.
    """
    is_used = Q(model_versions__isnull=False) | Q(deployments__isnull=False)
    above = artifacts.filter(is_used, is_stored=True).exclude(path=path).distinct()
    return [
        one
        for one in above
        if path.startswith(folder_of(one)) and path in _data_paths(one)
    ]


def manifests_above(path: str) -> list[str]:
    """Return where the MLmodels of the folders above a path would be."""
    above = [parent.as_posix() for parent in PurePosixPath(path).parents]
    names = (mlmodel.NAME if one == "." else f"{one}/{mlmodel.NAME}" for one in above)
    return [name for name in names if name != path]


def digest_of(artifact: Artifact) -> str:
    """Return the SHA-256 of what is served: of several files, that of their list."""
    files = files_of(artifact)
    if is_folder(artifact):
        lines = [f"{one.sha256}  {one.path}\n" for one in files]
    elif len(files) == 1:
        return artifact.sha256
    else:
        folder = folder_of(artifact)
        lines = [
            f"{one.sha256}  {one.size_bytes}  {one.path.removeprefix(folder)}\n"
            for one in files
        ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def framework_of(artifact: Artifact | None) -> str:
    """Return what the nearest MLmodel calls it, else what its suffix says; or ""."""
    return frameworks_of([artifact])[artifact.pk] if artifact else ""


def frameworks_of(artifacts: Iterable[Artifact]) -> dict[uuid.UUID, str]:
    """Return by artifact what `framework_of` says of it; one query for all."""
    places = {one: _manifests_of(one) for one in artifacts}
    manifests = _manifests_at(places)
    named = {}
    for one, paths in places.items():
        beside = (manifests.get((*_owner(one), path)) for path in paths)
        said = (manifest_in(manifest).framework for manifest in beside if manifest)
        named[one.pk] = next(filter(None, said), one.framework)
    return named


def _manifests_at(
    places: Mapping[Artifact, list[str]],
) -> dict[tuple[int | None, str | None, str], Artifact]:
    """Return the MLmodels that are at these paths of these owners."""
    paths = {path for wanted in places.values() for path in wanted}
    if not paths:
        return {}
    owners = Q(run__in={one.run_id for one in places if one.run_id}) | Q(
        logged_model__in={one.logged_model_id for one in places if one.logged_model_id}
    )
    found = _stored(owners & Q(path__in=paths))
    return {(*_owner(one), one.path): one for one in found}


def _owner(artifact: Artifact) -> tuple[int | None, str | None]:
    return artifact.run_id, artifact.logged_model_id


def _manifests_of(artifact: Artifact) -> list[str]:
    """Return where its MLmodel may be, the nearest first; itself if it is one."""
    paths = [artifact.path, *manifests_above(artifact.path)]
    return [path for path in paths if path.rpartition("/")[2] == mlmodel.NAME]


def manifest_beside(artifact: Artifact) -> mlmodel.MLmodel:
    """Return what the MLmodel in the artifact's folder says, if there is one."""
    path = folder_of(artifact) + mlmodel.NAME
    found = _stored(_owned_by(artifact)).filter(path=path).first()
    return manifest_in(found) if found else mlmodel.MLmodel()


def manifest_in(manifest: Artifact) -> mlmodel.MLmodel:
    """Return what an MLmodel says; nothing if it cannot be read."""
    try:
        return _read_manifest(manifest.pk)
    except OSError as error:
        logger.warning("The MLmodel %s cannot be read: %s", manifest.pk, error)
        return mlmodel.MLmodel()


@lru_cache(maxsize=1024)
def _read_manifest(stored_id: uuid.UUID) -> mlmodel.MLmodel:
    """Return what a stored MLmodel says; its bytes are another's when they change.

    Raises OSError, which is not remembered.
    """
    with byte_store().open(stored_key(stored_id)) as file:
        return mlmodel.read(file.read(mlmodel.MAX_BYTES + 1))


def _owned_by(artifact: Artifact) -> Q:
    return Q(run=artifact.run_id, logged_model=artifact.logged_model_id)


def _data_paths(artifact: Artifact) -> frozenset[str]:
    """Return the paths, as the store has them, that an ONNX file keeps weights in."""
    folder = folder_of(artifact)
    try:
        return frozenset(folder + name for name in _names_in(artifact.pk))
    except OSError as error:
        logger.warning("The artifact %s cannot be read: %s", artifact.pk, error)
        return frozenset()


@lru_cache(maxsize=1024)
def _names_in(stored_id: uuid.UUID) -> tuple[str, ...]:
    """Return what a stored file says; its bytes are another's when they change.

    Raises OSError, which is not remembered.
    """
    return onnxfile.locations(byte_store().local(stored_key(stored_id)))


def _only(artifacts: QuerySet[Artifact]) -> Artifact | None:
    """Return the single servable file; of several, a single `model.onnx`.

    What the only MLmodel among them names comes first, or its python_function.
    """
    is_manifest = Q(path=mlmodel.NAME) | Q(path__endswith=f"/{mlmodel.NAME}")
    manifests = list(artifacts.filter(is_manifest)[:2])
    if len(manifests) == 1 and (named := _named_by(manifests[0], artifacts)):
        return named
    suffixes = Q()
    for suffix in SERVABLE_SUFFIXES:
        suffixes |= Q(path__iendswith=suffix)
    servable = list(artifacts.filter(suffixes)[:100])
    if len(servable) > 1:
        servable = [one for one in servable if one.path.endswith(PREFERRED)]
    return servable[0] if len(servable) == 1 else None


def _named_by(manifest: Artifact, artifacts: QuerySet[Artifact]) -> Artifact | None:
    parsed = manifest_in(manifest)
    folder = manifest.path.removesuffix(mlmodel.NAME)
    if parsed.path and (
        named := artifacts.filter(path=f"{folder}{parsed.path}").first()
    ):
        return named
    return manifest if parsed.pyfunc and not parsed.path else None
